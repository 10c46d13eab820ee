//! Base images from the real mirror, with the shipped locks.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use flate2::read::MultiGzDecoder;
use oci::Memory;
use oci::tarball::{self, Limits, Unpack, Whiteouts};

use super::ldso::LdSo;
use crate::lock::Lock;
use crate::{Access, Base, ErrorKind, Interpreter, Recipe, World, assemble, relock};

/// `None` when the mirror cannot be reached, which is told.
fn reached<T>(result: crate::Result<T>) -> Option<T> {
    match result {
        Ok(result) => Some(result),
        Err(error) if error.kind() == ErrorKind::Network => {
            harness::skip(&format!("the Debian mirror cannot be reached: {error}"));
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn assembled(image: &str, cache: &Path, store: &Arc<Memory>) -> Option<Base> {
    let http = http::Client::new(http::Settings::default()).unwrap();
    let world = World {
        cache,
        store: Arc::clone(store) as Arc<dyn oci::Store>,
        http: &http,
        now: SystemTime::now(),
        interpreter: &LdSo,
        events: &|event| println!("{event:?}"),
        locked: false,
        max_age: None,
    };
    reached(assemble("trixie", image, &world))
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

    imports(&base, folder.path());

    let start = Instant::now();
    let again = assembled("python", &one, &store).unwrap();
    println!("known: {:.1?}", start.elapsed());
    assert_eq!(again.image.digest(), base.image.digest());

    // Another folder, with the packages that are here already.
    fs::create_dir_all(other.join("debs")).unwrap();
    for deb in fs::read_dir(one.join("debs")).unwrap() {
        let deb = deb.unwrap();
        fs::hard_link(deb.path(), other.join("debs").join(deb.file_name())).unwrap();
    }
    let start = Instant::now();
    let elsewhere = assembled("python", &other, &Memory::new()).unwrap();
    println!("from cached packages: {:.1?}", start.elapsed());
    assert_eq!(elsewhere.image.digest(), base.image.digest());
    assert_eq!(elsewhere.name, base.name);
}

/// The image's interpreter finds everything that its library is linked against.
fn imports(base: &Base, folder: &Path) {
    let root = folder.join("root");
    fs::create_dir(&root).unwrap();
    let into = files::Dir::open(&root).unwrap();
    let how = Unpack {
        whiteouts: Whiteouts::Refuse,
        owner: None,
        limits: Limits::default(),
    };
    for layer in base.image.layers() {
        let mut tar = MultiGzDecoder::new(layer.blob.open().unwrap());
        tarball::unpack(&mut tar, &into, &how).unwrap();
    }
    let script = "import bz2, ctypes, curses, decimal, json, lzma, readline, sqlite3, ssl, sys, uuid, zoneinfo\n\
                  assert json.__cached__.endswith('.pyc') and __import__('os').path.exists(json.__cached__)";
    LdSo.run(&root, "/usr/bin/python3.13", &["-B", "-c", script], &[])
        .unwrap();
}

#[test]
fn the_other_images_are_small_and_have_what_they_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = Memory::new();
    for (image, most) in [
        ("static", 500_000),
        ("tiny", 8_000_000),
        ("build-lite", 64_000_000),
    ] {
        let Some(base) = assembled(image, folder.path(), &store) else {
            return;
        };
        show(&base);
        assert!(
            base.image.size() <= most,
            "{image}: {} bytes",
            base.image.size()
        );
        if image != "build-lite" {
            continue;
        }
        let listing = super::world::listing(&base.image);
        for program in [
            "bash", "cp", "curl", "git", "gzip", "patch", "python3", "sh", "tar", "unzip", "xz",
        ] {
            let path = format!("/usr/bin/{program}");
            assert!(listing.contains_key(&path), "{path}");
        }
        for path in [
            "/usr/lib/python3.13/ensurepip/__init__.py",
            "/etc/ssl/certs/ca-certificates.crt",
            "/var/lib/dpkg/status",
        ] {
            assert!(listing.contains_key(path), "{path}");
        }
    }
}

#[test]
fn new_locks_can_be_made_from_the_archive_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let http = http::Client::new(http::Settings::default()).unwrap();
    let access = Access {
        cache: folder.path(),
        http: &http,
        now: SystemTime::now(),
        events: &|event| println!("{event:?}"),
    };
    let recipe = Recipe::shipped("trixie").unwrap();
    let Some(locks) = reached(relock(&recipe, &access)) else {
        return;
    };
    for (image, text) in locks {
        let lock = Lock::parse(&text).unwrap();
        assert!(lock.packages.contains_key("base-files"), "{image}");
        assert_eq!(lock.text(), text);
    }
}
