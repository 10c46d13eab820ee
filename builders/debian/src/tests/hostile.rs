//! Packages that want out, or want too much.

use std::fs;
use std::path::Path;

use oci::tarball::{Content, Node};

use super::package::{Package, ar, tar, xz};
use crate::deb::Deb;
use crate::lock::Pin;
use crate::tree::{Filter, Tree};

fn pin(bytes: &[u8]) -> Pin {
    Pin {
        version: "1".to_owned(),
        source: "x".to_owned(),
        archive: "debian".to_owned(),
        path: "pool/x.deb".to_owned(),
        size: 0,
        sha256: oci::Digest::of(bytes).hex(),
    }
}

/// Unpacks files in order into one tree; what the first refusal says, with its causes, or `ok`.
fn unpack(folder: &Path, files: &[(&str, Vec<u8>)]) -> String {
    let root = folder.join("root");
    fs::create_dir(&root).unwrap();
    let mut tree = Tree::new(&root).unwrap();
    for (index, (name, bytes)) in files.iter().enumerate() {
        let path = folder.join(format!("{index}.deb"));
        fs::write(&path, bytes).unwrap();
        let pin = pin(bytes);
        let unpacked = Deb::open(&path, &pin.sha256)
            .and_then(|deb| tree.unpack(name, &pin, &deb, &Filter::default()));
        if let Err(error) = unpacked {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text += &format!(": {error}");
                cause = error.source();
            }
            return text;
        }
    }
    "ok".to_owned()
}

fn check(packages: &[Package], expected: &str) {
    let files = packages
        .iter()
        .map(|package| (package.name.as_str(), package.bytes()));
    check_files(&files.collect::<Vec<_>>(), expected);
}

fn check_files(files: &[(&str, Vec<u8>)], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::write(&outside, "untouched").unwrap();
    let outcome = unpack(folder.path(), files);
    assert!(outcome.contains(expected), "{outcome}\nexpected {expected}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "untouched");
}

fn package() -> Package {
    Package::new("x", "1")
}

#[test]
fn paths_that_leave_the_package_are_refused() {
    check(&[package().file("./../outside", "x")], "leaves the package");
    check(
        &[package().file("./a/../../outside", "x")],
        "leaves the package",
    );
    check(&[package().file("/etc/passwd", "x")], "leaves the package");
    check(&[package().file("./usr/bin/ok", "x")], "ok");
}

#[test]
fn nothing_is_written_through_a_link() {
    check(
        &[package().link("./a", "../outside").file("./a/b", "x")],
        "would be written through /a",
    );
    check(
        &[
            package().link("./a", ".."),
            package().file("./a/outside", "x"),
        ],
        "would be written through /a",
    );
    check(
        &[package().link("./a", "../outside").file("./a", "x")],
        "is at /a already",
    );
    check(
        &[package().link("./a", "..").dir("./a")],
        "is at /a already",
    );
}

#[test]
fn hard_links_lead_to_files_of_the_same_package() {
    check(
        &[package().hard_link("./a", "./../outside")],
        "leaves the package",
    );
    check(
        &[package().hard_link("./a", "./missing")],
        "no file of this package",
    );
    check(
        &[package().link("./l", "../outside").hard_link("./a", "./l")],
        "no file of this package",
    );
    check(
        &[
            package().file("./b", "x"),
            package().hard_link("./a", "./b"),
        ],
        "no file of this package",
    );
    check(&[package().file("./b", "x").hard_link("./a", "./b")], "ok");
}

#[test]
fn devices_are_refused() {
    check(
        &[package().node("./dev/sda", Node::Block(8, 0), 0o666)],
        "no file, folder or link",
    );
    check(
        &[package().node("./pipe", Node::Fifo, 0o666)],
        "no file, folder or link",
    );
}

#[test]
fn a_file_of_another_package_is_only_replaced_on_purpose() {
    let one = Package::new("p0", "1").file("./a", "1");
    let other = Package::new("p1", "1").file("./a", "2");
    check(&[one.clone(), other.clone()], "is at /a already");
    check(
        &[one.clone(), other.clone().field("Replaces: p0 (<< 2)")],
        "ok",
    );
    check(
        &[one.clone(), other.clone().field("Replaces: p0 (<< 1)")],
        "is at /a already",
    );
    check(&[one.field("Replaces: p1"), other], "ok");
    check(
        &[package().file("./a", "1").file("./a", "2")],
        "is at /a already",
    );
    check(
        &[package().dir("./a"), package().file("./a", "2")],
        "is at /a already",
    );
    check(&[package().dir("./a"), package().dir("./a")], "ok");
    check(
        &[package().link("./a", "b"), package().link("./a", "b")],
        "ok",
    );
}

#[test]
fn folders_of_the_root_are_those_of_usr() {
    let folder = tempfile::tempdir().unwrap();
    let old = package()
        .dir("./lib")
        .file("./lib/x", "x")
        .file("./bin/y", "y")
        .hard_link("./bin/z", "./bin/y");
    assert_eq!(unpack(folder.path(), &[("x", old.bytes())]), "ok");
    assert!(
        folder.path().join("root/usr/lib/x").exists()
            && folder.path().join("root/usr/bin/z").exists()
    );
    assert!(!folder.path().join("root/lib").exists());
}

#[test]
fn files_that_are_no_packages_are_refused() {
    let check = |bytes: &[u8], expected: &str| check_files(&[("x", bytes.to_vec())], expected);
    let data = xz(&tar(&[]));
    let control = tar(&[]);
    let good: [(&str, &[u8]); 3] = [
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control),
        ("data.tar.xz", &data),
    ];
    check(b"", "opening");
    check(b"!<arch>\n", "three parts");
    check(&ar(&good[..2]), "three parts");
    check(
        &ar(&[("debian-binary", b"3.0\n"), good[1], good[2]]),
        "version 2.0",
    );
    check(
        &ar(&[good[0], good[1], ("data.tar.zst", b"x")]),
        "compressed in an unknown way",
    );
    check(
        &ar(&[good[0], ("control.tar.gz", b"no gzip"), good[2]]),
        "reading a package",
    );
    check(&ar(&good), "it does not say that it is x 1");

    // The size of the last part stands in ten characters, two before its content.
    let at = ar(&good).len() - data.len() - data.len() % 2 - 12;
    for (size, expected) in [
        (b"999999999 ", "longer than the package"),
        (b"0x10      ", "not a number"),
    ] {
        let mut lying = ar(&good);
        lying[at..at + 10].copy_from_slice(size);
        check(&lying, expected);
    }
    let whole = package().file("./a", "x").bytes();
    check(&whole[..whole.len() / 2], "longer than the package");
    let broken = Package::new("x", "1").bytes();
    let swapped = ar(&[
        good[0],
        ("control.tar", &tar_of(&broken)),
        ("data.tar.xz", b"no xz"),
    ]);
    check(&swapped, "reading a package");
}

/// The control part of a package of ours, which is the second one and not compressed.
fn tar_of(package: &[u8]) -> Vec<u8> {
    let start = 8 + 60 + 4 + 60;
    let end = start
        + package[start..]
            .windows(11)
            .position(|window| window == b"data.tar.xz")
            .unwrap();
    package[start..end].to_vec()
}

#[test]
fn a_damaged_file_is_removed_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.deb");
    fs::write(&path, package().bytes()).unwrap();
    assert!(Deb::open(&path, &"0".repeat(64)).is_err());
    assert!(!path.exists());
}

#[test]
fn no_damage_is_a_panic_or_gets_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.deb");
    let good = package()
        .dir("./usr")
        .file("./usr/a", "content")
        .link("./usr/b", "a")
        .bytes();
    for place in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[place] = bytes[place].wrapping_add(113);
        fs::write(&path, &bytes).unwrap();
        let root = folder.path().join(format!("root{place}"));
        fs::create_dir(&root).unwrap();
        let pin = pin(&bytes);
        let mut tree = Tree::new(&root).unwrap();
        // What comes of it does not matter here.
        let _ = Deb::open(&path, &pin.sha256)
            .and_then(|deb| tree.unpack("x", &pin, &deb, &Filter::default()));
        assert!(tree.nodes.len() <= 4);
    }
}

#[test]
fn set_id_bits_and_owners_are_those_of_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let bytes = package()
        .node(
            "./su",
            Node::File(Content::Bytes(b"su".as_slice().into())),
            0o4755,
        )
        .bytes();
    let path = folder.path().join("x.deb");
    fs::write(&path, &bytes).unwrap();
    let pin = pin(&bytes);
    let mut tree = Tree::new(&root).unwrap();
    let deb = Deb::open(&path, &pin.sha256).unwrap();
    tree.unpack("x", &pin, &deb, &Filter::default()).unwrap();
    assert_eq!(tree.nodes[&b"su"[..]].mode, 0o4755);
    // On this machine nobody becomes anybody by it.
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(root.join("su")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o7777, 0o755);
}
