use cnb::{Distro, ImageTarget, Target, runs_in};

fn image(os: &str, arch: &str, distro: Option<(&str, &str)>) -> ImageTarget {
    let distro = distro.map(|(name, version)| Distro {
        name: name.into(),
        version: version.into(),
    });
    ImageTarget {
        os: os.into(),
        arch: arch.into(),
        distro,
        ..ImageTarget::default()
    }
}

fn target(os: &str, arch: &str, distros: &[(&str, &str)]) -> Target {
    let distro = |(name, version): &(&str, &str)| Distro {
        name: (*name).into(),
        version: (*version).into(),
    };
    Target {
        os: os.into(),
        arch: arch.into(),
        distros: distros.iter().map(distro).collect(),
        ..Target::default()
    }
}

#[test]
fn de_14_empty_fields_match_anything() {
    let run = image("linux", "amd64", Some(("debian", "13")));
    for (target, fits) in [
        (target("", "", &[]), true),
        (target("linux", "amd64", &[]), true),
        (target("linux", "arm64", &[]), false),
        (
            target("linux", "", &[("ubuntu", "24.04"), ("debian", "")]),
            true,
        ),
        (target("linux", "", &[("debian", "12")]), false),
    ] {
        assert_eq!(target.matches(&run), fits, "{target:?}");
    }
}

#[test]
fn de_14_a_module_for_a_distribution_needs_to_know_that_of_the_image() {
    let unknown = image("linux", "amd64", None);
    assert!(!target("linux", "", &[("debian", "13")]).matches(&unknown));
    assert!(target("linux", "", &[]).matches(&unknown));
}

#[test]
fn os_release_is_read_as_the_go_lifecycle_reads_it() {
    let distro = |name: &str, version: &str| {
        Some(Distro {
            name: name.into(),
            version: version.into(),
        })
    };
    for (text, expected) in [
        ("", None),
        ("ID=debian\nVERSION_ID=\"13\"\n", distro("debian", "13")),
        ("ID='debian'\n", distro("'debian'", "")),
        ("VERSION_ID=13", distro("", "13")),
        ("ID=a=b\nID=c\n", distro("c", "")),
        ("NAME=x\nID_LIKE=y\n", None),
        (" ID=x\n", None),
        ("ID\n", None),
    ] {
        assert_eq!(Distro::of_os_release(text), expected, "{text:?}");
    }
}

#[test]
fn ev_4_the_build_image_stands_in_for_what_the_run_image_does_not_say() {
    let filled = image("", "", None).or_build_image("amd64", Some("ID=debian\nVERSION_ID=13\n"));
    assert_eq!(filled, image("linux", "amd64", Some(("debian", "13"))));
    let known = image("", "", Some(("ubuntu", "24.04")));
    assert_eq!(
        known.clone().or_build_image("amd64", Some("ID=debian\n")),
        known
    );
}

#[test]
fn de_16_an_execution_environment_is_listed_or_all_are() {
    let listed = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    assert!(runs_in(&[], "test"));
    assert!(runs_in(&listed(&["*"]), "test"));
    assert!(runs_in(&listed(&["production", "test"]), "test"));
    assert!(!runs_in(&listed(&["production"]), "test"));
}
