use cnb::{BuildpackApi, ErrorKind, PlatformApi};

#[test]
fn api_2_a_version_is_a_number_and_perhaps_another_one() {
    for text in ["0.10", "v0.10"] {
        assert_eq!(text.parse::<PlatformApi>().unwrap().to_string(), "0.10");
        assert_eq!(text.parse::<BuildpackApi>().unwrap().to_string(), "0.10");
    }
    for text in [
        "", "x", "v", ".9", "0.1.0", "0.9 ", " 0.9", "-0.9", "0.a", "vv0.9", "0,9",
    ] {
        assert_eq!(
            text.parse::<PlatformApi>().unwrap_err().kind(),
            ErrorKind::ApiSyntax,
            "{text}"
        );
        assert_eq!(
            text.parse::<BuildpackApi>().unwrap_err().kind(),
            ErrorKind::ApiSyntax,
            "{text}"
        );
    }
}

#[test]
fn versions_that_differ_from_the_supported_ones_are_refused() {
    for text in [
        "0",
        "0.",
        "0.1",
        "0.6",
        "0.16",
        "1",
        "1.0",
        "1.10",
        "0.266",
        "99999999999999999999.9",
    ] {
        assert_eq!(
            text.parse::<PlatformApi>().unwrap_err().kind(),
            ErrorKind::ApiUnsupported,
            "{text}"
        );
        assert_eq!(
            text.parse::<BuildpackApi>().unwrap_err().kind(),
            ErrorKind::ApiUnsupported,
            "{text}"
        );
    }
    let error = "0.1".parse::<BuildpackApi>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "buildpack API version '0.1' is incompatible with the lifecycle"
    );
}

#[test]
fn the_supported_versions_are_those_of_go_lifecycle_0_21() {
    let platform: Vec<String> = PlatformApi::all().map(|api| api.to_string()).collect();
    assert_eq!(
        platform.join(" "),
        "0.7 0.8 0.9 0.10 0.11 0.12 0.13 0.14 0.15"
    );
    let buildpack: Vec<String> = BuildpackApi::all().map(|api| api.to_string()).collect();
    assert_eq!(buildpack.join(" "), "0.7 0.8 0.9 0.10 0.11 0.12");
}

#[test]
fn the_nearest_supported_version_stands_in_for_an_unsupported_one() {
    for (text, nearest) in [
        ("0.6", "0.7"),
        ("0.9", "0.9"),
        ("0.13", "0.12"),
        ("1.0", "0.12"),
    ] {
        assert_eq!(BuildpackApi::nearest(text).unwrap().to_string(), nearest);
    }
    assert_eq!(
        BuildpackApi::nearest("").unwrap_err().kind(),
        ErrorKind::ApiSyntax
    );
}
