//! Whole assemblies from the archive on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use oci::Memory;

use super::archive::{Archive, Dates};
use super::package::Package;
use super::signer::Signer;
use super::world::{FIRST, SECOND, Wish, archive, assemble, listing, packages, recipe, with_world};
use crate::assemble::available;
use crate::{Base, ErrorKind, Event, Recipe, locks, plan};

const DAY: Duration = Duration::from_hours(24);

fn plain(archive: &Archive, image: &str, cache: &std::path::Path) -> Base {
    let (base, events) = assemble(archive, image, cache, &Memory::new(), Wish::default());
    base.unwrap_or_else(|error| panic!("{error:?} after {events:?}"))
}

/// Versions changed as named.
fn with(changes: &[(&str, &str)]) -> Vec<Package> {
    let mut packages = packages();
    for package in &mut packages {
        if let Some((_, version)) = changes.iter().find(|(name, _)| *name == package.name) {
            (*version).clone_into(&mut package.version);
        }
    }
    packages
}

#[test]
fn the_same_packages_give_the_same_image_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&packages());
    let base = plain(&archive, "run", &folder.path().join("one"));
    let elsewhere = plain(&archive, "run", &folder.path().join("quite/another"));
    assert_eq!(base.image.digest(), elsewhere.image.digest());
    // Changes only with our rules, never with a machine: what is in the image, not how it is compressed.
    assert_eq!(
        base.image.config_descriptor().digest.to_string(),
        "sha256:71bb349356644f1f7b3cce1457548a8e7e0c5da85ef05608de1806c9413501d3"
    );
    assert_eq!(
        base.name,
        format!(
            "slipway.invalid/base/test-run:{}",
            base.lock_digest.get(..12).unwrap()
        )
    );
}

#[test]
fn a_run_image_has_what_scripts_would_have_made_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let base = plain(&archive(&packages()), "run", folder.path());
    let listing = listing(&base.image);
    let check = |path: &str, expected: &str| {
        let found = listing.get(path).map_or("absent", String::as_str);
        assert_eq!(found, expected, "{path}");
    };
    let names: Vec<String> = base
        .image
        .config()
        .history()
        .into_iter()
        .filter_map(|entry| entry.created_by)
        .collect();
    assert_eq!(
        names.join(" ").replace("slipway base test-run: ", ""),
        "files libc tls python libs system"
    );
    check("/bin", "0 777 0:0 -> usr/bin");
    check("/sbin", "5 777 0:0 -> usr/sbin");
    check("/usr/bin/bash", "4 755 0:0 #!bash");
    check("/usr/bin/sh", "4 777 0:0 -> bash");
    check("/tmp", "0 1777 0:0 dir");
    check("/var/run", "5 777 0:0 -> /run");
    check("/home/cnb", "5 755 1002:1000 dir");
    check(
        "/etc/passwd",
        "5 644 0:0 root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\ncnb:x:1002:1000:cnb:/home/cnb:/bin/bash\n",
    );
    check(
        "/etc/shadow",
        "5 640 0:42 root:*:3652:0:99999:7:::\nnobody:*:3652:0:99999:7:::\ncnb:*:3652:0:99999:7:::\n",
    );
    check("/etc/ssl/certs/ca-certificates.crt", "0 644 0:0 AAA\nBBB\n");
    check(
        "/usr/lib/ssl/cert.pem",
        "5 777 0:0 -> /etc/ssl/certs/ca-certificates.crt",
    );
    check("/usr/share/ca-certificates/mozilla/A.crt", "absent");
    check("/usr/share/doc/ca-certificates/copyright", "0 644 0:0 free");
    check("/usr/share/doc/ca-certificates/README", "absent");
    check("/usr/bin/ldd", "absent");
    check(
        "/etc/ld.so.conf",
        "1 644 0:0 include /etc/ld.so.conf.d/*.conf\n",
    );
    check("/usr/bin/python3", "5 777 0:0 -> python3.13");
    check(
        "/etc/python3.13/sitecustomize.py",
        "3 644 0:0 # Empty sitecustomize.py to avoid a dangling symlink\n",
    );
    check(
        "/usr/lib/python3.13/__pycache__/os.cpython-313.pyc",
        "3 644 0:0 compiled os",
    );
    check(
        "/usr/lib/python3.13/json/__pycache__/__init__.cpython-313.pyc",
        "3 644 0:0 compiled json",
    );
    check(
        "/var/lib/dpkg/status.d/bash.md5sums",
        "4 644 0:0 0  of/bash\n",
    );
    check("/var/lib/dpkg/status", "absent");
    check("/usr/share/tabset/also", "4 644 0:0 x");
    check(
        "/usr/share/tabset/std",
        "4 644 0:0 = /usr/share/tabset/also",
    );
    assert!(listing["/etc/ld.so.cache"].contains("/lib/x86_64-linux-gnu/libtinfo.so.6"));
    assert!(listing["/var/lib/dpkg/status.d/libc6"].contains("Source: glibc"));
    assert!(listing["/var/lib/slipway/base.json"].contains(&base.lock_digest));

    let config = base.image.config();
    assert_eq!(config.user(), Some("1002:1000"));
    assert_eq!(
        config.label("io.buildpacks.base.distro.name"),
        Some("testian")
    );
    assert_eq!(
        config.label("io.buildpacks.base.released"),
        Some("2026-09-12T07:55:41Z")
    );
    let label: serde_json::Value =
        serde_json::from_str(config.label("dev.slipway.base").unwrap()).unwrap();
    assert_eq!(label["packages"]["libc6"], "2.41-1");
    assert_eq!(label["provides"]["glibc"], "2.41");
    assert_eq!(label["provides"]["python"], "3.13");
    assert_eq!(
        label["provides"]["sonames"],
        serde_json::json!(["libc.so.6", "libssl.so.3", "libtinfo.so.6"])
    );
}

#[test]
fn a_build_image_has_a_package_database_and_users_of_the_distribution() {
    let folder = tempfile::tempdir().unwrap();
    let base = plain(&archive(&packages()), "build", folder.path());
    let listing = listing(&base.image);
    assert!(
        listing["/etc/passwd"]
            .ends_with("daemon:x:1:1::/:/x\ncnb:x:1001:1000:cnb:/home/cnb:/usr/sbin/nologin\n")
    );
    assert!(
        listing["/var/lib/dpkg/status"]
            .contains("Package: mawk\nStatus: install ok installed\nVersion: 1\n")
    );
    assert!(listing["/var/lib/dpkg/info/mawk.list"].ends_with("/.\n/usr/bin/mawk\n"));
    assert!(listing["/var/lib/dpkg/info/mawk.postinst"].contains(" 755 0:0 update-alternatives"));
    assert!(listing["/usr/bin/awk"].ends_with("-> /etc/alternatives/awk"));
    assert!(listing["/etc/alternatives/awk"].ends_with("-> /usr/bin/mawk"));
    assert!(
        listing["/var/lib/dpkg/alternatives/awk"]
            .ends_with("auto\n/usr/bin/awk\n\n/usr/bin/mawk\n5\n\n")
    );
    assert!(listing["/etc/ca-certificates.conf"].ends_with("mozilla/A.crt\nmozilla/B.crt\n"));
    assert!(listing.contains_key("/usr/share/ca-certificates/mozilla/A.crt"));
    assert_eq!(base.image.config().user(), Some("1001:1000"));
    assert_eq!(base.image.config().env_value("CNB_USER_ID"), Some("1001"));
    assert_eq!(base.image.config().env_value("CNB_GROUP_ID"), Some("1000"));
}

#[test]
fn a_known_image_is_found_without_asking_anyone() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&packages());
    let store = Memory::new();
    let (first, _) = assemble(&archive, "run", folder.path(), &store, Wish::default());
    assert!(!archive.asked().is_empty());
    let (second, events) = assemble(&archive, "run", folder.path(), &store, Wish::default());
    assert_eq!(
        first.unwrap().image.digest(),
        second.unwrap().image.digest()
    );
    assert_eq!((archive.asked(), events), (Vec::new(), Vec::new()));

    // Another store: made again from the packages that are here.
    let (third, events) = assemble(
        &archive,
        "run",
        folder.path(),
        &Memory::new(),
        Wish::default(),
    );
    assert!(third.is_ok() && archive.asked().is_empty());
    assert!(
        matches!(events.first(), Some(Event::Assembling { .. })),
        "{events:?}"
    );
    assert!(!folder.path().join("work").exists());
}

#[test]
fn a_new_version_of_one_source_changes_its_layer_and_the_top_one() {
    let folder = tempfile::tempdir().unwrap();
    let old = plain(&archive(&packages()), "run", &folder.path().join("old"));
    for (package, layer) in [("libssl3t64", 2), ("libtinfo6", 4)] {
        let changed = archive(&with(&[(package, "9")]));
        let new = plain(&changed, "run", &folder.path().join(package));
        let pairs = old
            .image
            .layers()
            .iter()
            .zip(new.image.layers())
            .enumerate();
        let differ: Vec<usize> = pairs
            .filter(|(_, (old, new))| old.diff_id != new.diff_id)
            .map(|(index, _)| index)
            .collect();
        assert_eq!(differ, [layer, 5], "{package}");
    }
}

#[test]
fn a_vanished_package_is_replaced_with_its_whole_source_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, fresh) = (folder.path().join("kept"), folder.path().join("fresh"));
    let archive = archive(&packages());
    let old = plain(&archive, "run", &kept);
    // The same lock on another machine, where nothing was fetched yet.
    fs::create_dir_all(fresh.join("locks")).unwrap();
    fs::copy(
        kept.join("locks/test-run.lock"),
        fresh.join("locks/test-run.lock"),
    )
    .unwrap();
    let lost = packages()
        .into_iter()
        .find(|package| package.name == "libpython3.13")
        .unwrap();
    archive.remove(&format!("/debian/{}", Archive::pool(&lost)));
    let newer = with(&[
        ("python3.13-minimal", "3.13.6-1"),
        ("libpython3.13", "3.13.6-1"),
        ("bash", "6"),
    ]);
    let newer: Vec<Package> = newer.into_iter().map(newer_python).collect();
    archive.publish(&newer, "test", &SECOND, &Signer::new(1));
    archive.asked();

    let (new, events) = assemble(&archive, "run", &fresh, &Memory::new(), Wish::default());
    let new = new.unwrap();
    assert_ne!(new.name, old.name);
    let replaced: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Replaced {
                package,
                locked,
                found,
            } => Some(format!("{package} {locked} {found}")),
            _ => None,
        })
        .collect();
    // What has not vanished stays: bash is not touched.
    assert_eq!(
        replaced,
        [
            "libpython3.13 3.13.5-1 3.13.6-1",
            "python3.13-minimal 3.13.5-1 3.13.6-1"
        ]
    );
    let asked = archive.asked();
    let attempts: Vec<&String> = asked
        .iter()
        .filter(|path| path.ends_with("libpython3.13_3.13.5-1_amd64.deb"))
        .collect();
    assert_eq!(attempts.len(), 3, "mirror, archive, snapshot: {attempts:?}");
    assert!(
        attempts[2].starts_with("/snapshot/debian/20260912T075541Z/pool/"),
        "{attempts:?}"
    );

    // It is remembered: next time there is nothing to replace.
    let (again, events) = assemble(&archive, "run", &fresh, &Memory::new(), Wish::default());
    assert_eq!(again.unwrap().image.digest(), new.image.digest());
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Replaced { .. }))
    );
}

fn newer_python(package: Package) -> Package {
    if package.version != "3.13.6-1" {
        return package;
    }
    let newer = Package::new(&package.name, &package.version).field("Source: python3.13");
    if package.name == "libpython3.13" {
        newer
            .field("Provides: python3.13-library (= 3.13.6-1)")
            .file("./usr/lib/python3.13/os.py", "os")
            .file("./usr/lib/python3.13/json/__init__.py", "json")
    } else {
        newer
            .field("Depends: python3.13-library (= 3.13.6-1), libssl3t64")
            .program("./usr/bin/python3.13", "python")
    }
}

#[test]
fn the_snapshot_archive_helps_before_anything_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&packages());
    let old = plain(&archive, "run", &folder.path().join("one"));
    let lost = packages()
        .into_iter()
        .find(|package| package.name == "bash")
        .unwrap();
    let path = Archive::pool(&lost);
    archive.remove(&format!("/debian/{path}"));
    archive.put(
        &format!("/snapshot/debian/20260912T075541Z/{path}"),
        lost.bytes(),
    );
    let fresh = folder.path().join("two");
    fs::create_dir_all(fresh.join("locks")).unwrap();
    fs::copy(
        folder.path().join("one/locks/test-run.lock"),
        fresh.join("locks/test-run.lock"),
    )
    .unwrap();
    let new = plain(&archive, "run", &fresh);
    assert_eq!(new.image.digest(), old.image.digest());
}

#[test]
fn a_binding_lock_that_cannot_be_kept_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&packages());
    plain(&archive, "run", &folder.path().join("one"));
    for package in packages() {
        if ["bash", "libtinfo6"].contains(&package.name.as_str()) {
            archive.remove(&format!("/debian/{}", Archive::pool(&package)));
        }
    }
    let recipe = recipe(&archive);
    let image = recipe.image("run").unwrap();
    let lock = locks::newest(&recipe, "run", &image, &folder.path().join("one"))
        .unwrap()
        .unwrap();
    let wish = Wish {
        locked: true,
        ..Wish::default()
    };
    let (result, _) = with_world(&folder.path().join("two"), &Memory::new(), wish, |world| {
        available(&recipe, "run", &image, lock, world)
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Vanished);
    assert_eq!(
        error.to_string(),
        "the lock of test-run names packages that no archive has any more: bash 5, libtinfo6 6"
    );
    assert!(error.help().unwrap().contains("without --locked"));
    assert!(!error.is_transient());
}

#[test]
fn a_binding_lock_is_a_shipped_one() {
    let folder = tempfile::tempdir().unwrap();
    let wish = Wish {
        locked: true,
        ..Wish::default()
    };
    let (base, _) = assemble(
        &archive(&packages()),
        "run",
        folder.path(),
        &Memory::new(),
        wish,
    );
    let error = base.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unknown);
    assert_eq!(
        error.to_string(),
        "there is no lock for test-run as its recipe is now"
    );
}

#[test]
fn every_shipped_image_has_a_lock_for_its_recipe() {
    let recipe = Recipe::shipped("trixie").unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let images: Vec<&str> = recipe.images().collect();
    assert_eq!(images, ["build-lite", "python", "static", "tiny"]);
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    for name in images {
        let image = recipe.image(name).unwrap();
        let lock = locks::newest(&recipe, name, &image, nowhere.path()).unwrap();
        // After a change of packages: `cargo run -p slipway-debian --example relock`.
        let lock = lock.unwrap_or_else(|| panic!("the lock of {name} is for another recipe"));
        for (package, pin) in lock.packages {
            let known = versions.insert(package.clone(), pin.version.clone());
            assert!(
                known.is_none_or(|known| known == pin.version),
                "{package} differs between images"
            );
        }
        let plan = plan("trixie", name, nowhere.path()).unwrap();
        let sum: u64 = plan.packages.iter().map(|(_, _, size)| size).sum();
        assert_eq!(plan.download_bytes, sum);
    }
}

#[test]
fn an_archive_that_cannot_be_believed_is_not() {
    let check = |dates: &Dates<'_>, signer: Signer, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::start();
        archive.publish(&packages(), "test", dates, &signer);
        let (base, _) = assemble(
            &archive,
            "run",
            folder.path(),
            &Memory::new(),
            Wish::default(),
        );
        let outcome = match base {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        assert_eq!(outcome, expected);
    };
    check(&FIRST, Signer::new(1), "ok");
    check(&FIRST, Signer::new(2), "Untrusted");
    let late = Dates {
        valid_until: Some("Sat, 19 Sep 2026 07:55:41 UTC"),
        ..FIRST
    };
    // Only a warning where updates do not come from.
    check(&late, Signer::new(1), "ok");
}

#[test]
fn wrong_bytes_under_the_right_name_are_as_good_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&packages());
    let bash = packages()
        .into_iter()
        .find(|package| package.name == "bash")
        .unwrap();
    let path = format!("/debian/{}", Archive::pool(&bash));
    archive.put(&path, b"something else".to_vec());
    let (base, _) = assemble(
        &archive,
        "run",
        folder.path(),
        &Memory::new(),
        Wish::default(),
    );
    let error = base.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Vanished);
    assert_eq!(
        error.to_string(),
        "bash is listed by the archive but cannot be fetched from it"
    );

    archive.put(&path, bash.bytes());
    plain(&archive, "run", folder.path());
    // Damage in the cache is noticed, and repaired by fetching again.
    for deb in fs::read_dir(folder.path().join("debs")).unwrap() {
        let path = deb.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let mut outcomes = Vec::new();
    for _ in 0..12 {
        let (base, _) = assemble(
            &archive,
            "run",
            folder.path(),
            &Memory::new(),
            Wish::default(),
        );
        outcomes.push(base.map(drop).map_err(|error| error.kind()));
    }
    assert_eq!(outcomes.first(), Some(&Err(ErrorKind::Untrusted)));
    assert_eq!(outcomes.last(), Some(&Ok(())));
}

#[test]
fn newer_packages_are_looked_for_when_the_lock_is_old_enough() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(&packages());
    let old = plain(&archive, "run", folder.path());
    archive.asked();
    let weekly = |later| Wish {
        max_age: Some(7 * DAY),
        later,
        ..Wish::default()
    };
    let run = |wish| assemble(&archive, "run", folder.path(), &Memory::new(), wish);

    // Asked a moment ago, when there was no lock at all.
    let (same, _) = run(weekly(DAY));
    assert_eq!(same.unwrap().name, old.name);
    assert_eq!(archive.asked(), [""; 0]);

    // A week later nothing has changed: one request for the release file.
    let (same, _) = run(weekly(8 * DAY));
    assert_eq!(same.unwrap().name, old.name);
    assert_eq!(
        archive.asked(),
        [
            "/mirror/dists/test/InRelease",
            "/debian/dists/test/InRelease"
        ]
    );
    let (_, _) = run(weekly(9 * DAY));
    assert_eq!(archive.asked(), [""; 0]);

    archive.publish(&with(&[("bash", "6")]), "test", &SECOND, &Signer::new(1));
    let (new, events) = run(weekly(20 * DAY));
    assert_ne!(new.unwrap().name, old.name);
    let bash = Event::Replaced {
        package: "bash".into(),
        locked: "5".into(),
        found: "6".into(),
    };
    assert!(events.contains(&bash), "{events:?}");

    // An older release file afterwards is an attack or a stale mirror; what is known is used.
    archive.publish(&packages(), "test", &FIRST, &Signer::new(1));
    let (same, events) = run(weekly(40 * DAY));
    assert!(same.is_ok());
    assert!(
        matches!(&events[..], [Event::NotRefreshed { .. }, ..]),
        "{events:?}"
    );
}
