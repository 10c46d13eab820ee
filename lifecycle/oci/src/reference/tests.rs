use proptest::prelude::*;

use super::*;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn check(typed: &str, resolved: &str) {
    let reference = Reference::parse(typed).unwrap();
    assert_eq!(reference.to_string(), resolved, "{typed}");
    assert_eq!(reference.as_typed(), typed);
    let again = Reference::parse(resolved).unwrap();
    assert_eq!(again, reference, "{resolved} does not resolve to itself");
}

#[test]
fn names_resolve_as_docker_does() {
    check("app", "docker.io/library/app:latest");
    check("app:1", "docker.io/library/app:1");
    check("me/app", "docker.io/me/app:latest");
    check("docker.io/app", "docker.io/library/app:latest");
    check("index.docker.io/app", "docker.io/library/app:latest");
    check("index.docker.io/me/app:1", "docker.io/me/app:1");
    check("ghcr.io/a/b/c:v1.2-x_y", "ghcr.io/a/b/c:v1.2-x_y");
    check("localhost/app", "localhost/app:latest");
    check("localhost:5000/app:1", "localhost:5000/app:1");
    check("127.0.0.1:5123/run:1", "127.0.0.1:5123/run:1");
    check("[::1]:5000/app", "[::1]:5000/app:latest");
    check("[2001:db8::1]/app", "[2001:db8::1]/app:latest");
    check("Registry/app", "Registry/app:latest");
    check("app:5000", "docker.io/library/app:5000");
    check("a.b", "docker.io/library/a.b:latest");
    check("a/b.c", "docker.io/a/b.c:latest");
    check("a__b/c---d/e_f.g", "docker.io/a__b/c---d/e_f.g:latest");
    check(
        "slipway.invalid/base/trixie-python:0123456789ab",
        "slipway.invalid/base/trixie-python:0123456789ab",
    );
    check(
        &format!("app@{DIGEST}"),
        &format!("docker.io/library/app@{DIGEST}"),
    );
    check(
        &format!("r.io:443/app:1@{DIGEST}"),
        &format!("r.io:443/app:1@{DIGEST}"),
    );
}

#[test]
fn what_is_no_name_is_refused() {
    let long = "a".repeat(240);
    let texts = [
        "",
        ":",
        "@",
        "/",
        "/app",
        "app/",
        "a//b",
        "App",
        "me/App",
        "app:",
        "app:-x",
        "app:.x",
        "app: x",
        "app@",
        "app@sha256:0",
        " app",
        "app ",
        "a b",
        "-app",
        "app-",
        "a..b",
        "a___b",
        "a._b",
        "https://r.io/app",
        "r.io:/app",
        "r.io:x/app",
        "r.io:99999/app",
        "r.io:+80/app",
        "[::1/app",
        "[x]/app",
        "[::1]x/app",
        "-r.io/app",
        "r..io/app",
        "r.io",
        "ä/b",
        "r.io/ä",
        "a\nb",
        "a\0b",
        "../app",
        "r.io/../app",
        &format!("r.io/{long}/{long}"),
        &format!("app:{}", "a".repeat(129)),
        &format!("app@{DIGEST}@{DIGEST}"),
    ];
    for text in texts {
        // A host alone is a repository on Docker Hub, which is what Docker makes of it too.
        if text == "r.io" {
            check(text, "docker.io/library/r.io:latest");
            continue;
        }
        let error = Reference::parse(text).expect_err(text);
        assert!(
            error.to_string().starts_with("reading image name"),
            "{error}"
        );
    }
}

#[test]
fn tag_and_digest_are_told_apart() {
    let tag_of = |text: &str| Reference::parse(text).unwrap().tag().map(str::to_owned);
    assert_eq!(tag_of("app"), Some("latest".into()));
    assert_eq!(tag_of("r.io:5000/app"), Some("latest".into()));
    assert_eq!(tag_of(&format!("app@{DIGEST}")), None);
    let both = Reference::parse(&format!("app:1@{DIGEST}")).unwrap();
    assert_eq!(
        (both.tag(), both.digest()),
        (Some("1"), Some(DIGEST.parse().unwrap()))
    );
}

#[test]
fn go_spells_docker_hub_differently() {
    let go = |text: &str| Reference::parse(text).unwrap().as_go();
    assert_eq!(go("app"), "index.docker.io/library/app:latest");
    assert_eq!(go("ghcr.io/a/b:1"), "ghcr.io/a/b:1");
    assert_eq!(
        go(&format!("app:1@{DIGEST}")),
        format!("index.docker.io/library/app@{DIGEST}")
    );
}

#[test]
fn siblings_keep_the_repository() {
    let app = Reference::parse("localhost:5000/a/app:1").unwrap();
    let digest = DIGEST.parse().unwrap();
    assert_eq!(
        app.with_digest(digest).to_string(),
        format!("localhost:5000/a/app@{DIGEST}")
    );
    assert_eq!(
        app.with_tag("2").unwrap().to_string(),
        "localhost:5000/a/app:2"
    );
    assert!(app.with_tag("a/b").is_err());
    assert_eq!(
        (app.registry(), app.repository().path()),
        ("localhost:5000", "a/app")
    );
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("localhost".to_owned()),
        "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?",
        "localhost:[1-9][0-9]{0,3}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,300}") {
        if let Ok(reference) = Reference::parse(&text) {
            let resolved = reference.to_string();
            prop_assert_eq!(Reference::parse(&resolved).unwrap(), reference);
        }
    }

    #[test]
    fn text_that_looks_like_a_name_is_parsed_or_refused(text in "[a-zA-Z0-9:/@._\\[\\]-]{0,60}") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()).unwrap(), reference);
        }
    }

    #[test]
    fn well_formed_names_are_taken_apart_as_they_were_made(
        host in host(),
        path in "[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,4})?(/[a-z0-9]{1,8}){0,3}",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
        digest in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let digest = digest.map(Digest::from_bytes);
        let tagged = tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digested = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        let text = format!("{host}/{path}{tagged}{digested}");
        let reference = Reference::parse(&text).unwrap();
        prop_assert_eq!(reference.registry(), host);
        prop_assert_eq!(reference.repository().path(), path);
        prop_assert_eq!(reference.digest(), digest);
        let expected = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        prop_assert_eq!(reference.tag(), expected.as_deref());
    }
}
