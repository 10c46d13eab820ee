//! Base images from the real mirror, with the shipped locks.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use oci::Memory;

use super::ldso::LdSo;
use crate::{Base, ErrorKind, Event, World, assemble};

/// Assembles with a state folder of its own; packages are shared between the tests of one run.
fn assembled(image: &str, cache: &Path, store: &Arc<Memory>) -> Option<Base> {
    let http = http::Client::new(http::Settings::default()).unwrap();
    let told = RefCell::new(Vec::new());
    let world = World {
        cache,
        store: Arc::clone(store) as Arc<dyn oci::Store>,
        http: &http,
        now: SystemTime::now(),
        interpreter: &LdSo,
        events: &|event: Event| told.borrow_mut().push(event),
        locked: false,
        max_age: None,
    };
    match assemble("trixie", image, &world) {
        Ok(base) => Some(base),
        Err(error) if error.kind() == ErrorKind::Network => {
            harness::skip(&format!("the Debian mirror cannot be reached: {error}"));
            None
        }
        Err(error) => panic!("{error:?} after {:?}", told.borrow()),
    }
}

fn show(base: &Base) {
    for (layer, history) in base
        .image
        .layers()
        .iter()
        .zip(base.image.config().history())
    {
        println!(
            "{:>10} {}",
            layer.blob.descriptor.size,
            history.created_by.unwrap_or_default()
        );
    }
    println!(
        "{:>10} {} {}",
        base.image.size(),
        base.name,
        base.image.digest()
    );
}

#[test]
fn python_is_small_and_the_same_in_every_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        folder.path().join("one"),
        folder.path().join("a/longer/name"),
    );
    let store = Memory::new();
    let start = Instant::now();
    let Some(base) = assembled("python", &one, &store) else {
        return;
    };
    println!("first: {:.1?}", start.elapsed());
    show(&base);
    assert!(
        base.image.size() <= 22_000_000,
        "{} bytes",
        base.image.size()
    );
    assert!(base.image.layers().len() <= 8);

    let start = Instant::now();
    let again = assembled("python", &one, &store).unwrap();
    println!("known: {:.1?}", start.elapsed());
    assert_eq!(again.image.digest(), base.image.digest());

    // Another folder, with the packages that are here already.
    std::fs::create_dir_all(other.join("debs")).unwrap();
    for deb in std::fs::read_dir(one.join("debs")).unwrap() {
        let deb = deb.unwrap();
        std::fs::hard_link(deb.path(), other.join("debs").join(deb.file_name())).unwrap();
    }
    let start = Instant::now();
    let elsewhere = assembled("python", &other, &Memory::new()).unwrap();
    println!("from cached packages: {:.1?}", start.elapsed());
    assert_eq!(elsewhere.image.digest(), base.image.digest());
    assert_eq!(elsewhere.name, base.name);
}
