use super::*;
use crate::{Memory, testing};

fn store() -> (Arc<dyn Store>, Arc<dyn Source>) {
    let memory = Memory::new();
    (memory.clone(), memory)
}

fn platform(text: &str) -> Platform {
    let mut parts = text.split('/');
    let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
    Platform {
        variant: parts.next().map(str::to_owned),
        ..Platform::new(os, architecture)
    }
}

/// An index in `store` with one image per platform; its seed is its position.
fn index(store: &Arc<dyn Store>, platforms: &[&str]) -> Index {
    let mut index = Index::empty();
    for (seed, text) in (0..).zip(platforms) {
        let manifest = testing::image(seed, 1, store).write_to(&**store).unwrap();
        index.push(Entry::new(manifest, Some(platform(text))));
    }
    index
}

fn check(platforms: &[&str], wanted: &str, expected: Option<&str>) {
    let (store, source) = store();
    let bytes = index(&store, platforms).to_bytes();
    let found = Index::parse(&bytes, source)
        .unwrap()
        .image(&platform(wanted))
        .unwrap();
    assert_eq!(
        found
            .as_ref()
            .and_then(|image| image.config().label("seed")),
        expected,
        "{wanted} of {platforms:?}"
    );
}

#[test]
fn the_image_for_a_platform_is_found() {
    check(&["linux/arm64", "linux/amd64"], "linux/amd64", Some("1"));
    check(&["linux/arm64/v8", "linux/amd64"], "linux/arm64", Some("0"));
    check(&["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", Some("1"));
    check(&["windows/amd64", "linux/s390x"], "linux/amd64", None);
    check(&["unknown/unknown"], "linux/amd64", None);
    check(&[], "linux/amd64", None);
}

#[test]
fn indexes_in_indexes_are_read_to_a_depth() {
    let (store, source) = store();
    let mut descriptor = index(&store, &["linux/amd64"]).write_to(&*store).unwrap();
    let read = |descriptor: &Descriptor| find(source.clone(), descriptor, &platform("linux/amd64"));
    for _ in 0..limits::INDEX_DEPTH - 1 {
        assert!(read(&descriptor).unwrap().is_some());
        let mut outer = Index::empty();
        outer.push(Entry::new(descriptor, None));
        descriptor = outer.write_to(&*store).unwrap();
    }
    assert!(read(&descriptor).unwrap().is_some());
    let mut outer = Index::empty();
    outer.push(Entry::new(descriptor, None));
    let descriptor = outer.write_to(&*store).unwrap();
    assert_eq!(read(&descriptor).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn keys_we_do_not_know_stay() {
    let text = r#"{"annotations":{"a":"b"},"manifests":[{"annotations":{"k":"v"},"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"architecture":"amd64","os":"linux","os.version":"1"},"size":0,"x":1}],"schemaVersion":2}"#;
    let index = Index::parse(text.as_bytes(), store().1).unwrap();
    assert_eq!(index.entries()[0].annotation("k"), Some("v"));
    assert_eq!(String::from_utf8(index.to_bytes()).unwrap(), text);
}

#[test]
fn indexes_that_make_no_sense_are_refused() {
    let refused = |text: &str| {
        Index::parse(text.as_bytes(), store().1)
            .err()
            .map(|error| error.kind())
    };
    assert_eq!(
        refused(r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#),
        Some(ErrorKind::Malformed)
    );
    assert_eq!(
        refused(r#"{"schemaVersion":2,"manifests":{}}"#),
        Some(ErrorKind::Malformed)
    );
    assert_eq!(
        refused(r#"{"schemaVersion":2,"manifests":[1]}"#),
        Some(ErrorKind::Malformed)
    );
    assert_eq!(refused(r#"{"manifests":[]}"#), Some(ErrorKind::Unsupported));
    assert_eq!(refused(r#"{"schemaVersion":2,"manifests":null}"#), None);
}
