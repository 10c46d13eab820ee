//! A corpus of hostile and odd layers, and what becomes of them on a disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use files::Dir;
use proptest::prelude::*;

use super::*;
use crate::tarball::{Header, Kind};
use crate::{ErrorKind, Result};

/// A tar in the making.
#[derive(Default, Clone)]
struct Tar(Vec<u8>);

impl Tar {
    fn add(mut self, header: &Header, content: &[u8]) -> Tar {
        self.0.extend(header.to_bytes().unwrap());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Tar {
        let header = Header {
            size: i64::try_from(content.len()).unwrap(),
            ..named(name, Kind::File, 0o644)
        };
        self.add(&header, content.as_bytes())
    }

    fn dir(self, name: &str) -> Tar {
        self.add(&named(name, Kind::Dir, 0o755), b"")
    }

    fn link(self, name: &str, kind: Kind, target: &str) -> Tar {
        self.add(
            &Header {
                link: target.into(),
                ..named(name, kind, 0o777)
            },
            b"",
        )
    }

    fn symlink(self, name: &str, target: &str) -> Tar {
        self.link(name, Kind::Symlink, target)
    }

    fn hard_link(self, name: &str, target: &str) -> Tar {
        self.link(name, Kind::Hardlink, target)
    }
}

fn named(name: &str, kind: Kind, mode: i64) -> Header {
    Header {
        name: name.into(),
        kind,
        mode,
        ..Header::default()
    }
}

/// A folder to unpack into, beside things that must stay as they are.
struct World {
    _temporary: tempfile::TempDir,
    outside: PathBuf,
    root: PathBuf,
}

impl World {
    fn new() -> World {
        let temporary = tempfile::tempdir().unwrap();
        let outside = temporary.path().to_path_buf();
        fs::create_dir(outside.join("host")).unwrap();
        fs::write(outside.join("host/secret"), "canary").unwrap();
        fs::write(outside.join("beside"), "canary").unwrap();
        let root = outside.join("root");
        fs::create_dir(&root).unwrap();
        World {
            _temporary: temporary,
            outside,
            root,
        }
    }

    fn unpack(&self, tar: &Tar, whiteouts: Whiteouts) -> Result<Summary> {
        self.unpack_within(tar, whiteouts, Limits::default())
    }

    fn unpack_within(&self, tar: &Tar, whiteouts: Whiteouts, limits: Limits) -> Result<Summary> {
        let into = Dir::open(&self.root).unwrap();
        let summary = unpack(
            &mut &tar.0[..],
            &into,
            &Unpack {
                whiteouts,
                owner: None,
                limits,
            },
        );
        self.check_outside();
        summary
    }

    /// Everything outside the root is what it was.
    fn check_outside(&self) {
        let mut seen = listing(&self.outside);
        seen.retain(|path, _| !path.starts_with("root"));
        let expected = [
            ("", "dir"),
            ("beside", "canary"),
            ("host", "dir"),
            ("host/secret", "canary"),
        ];
        assert_eq!(
            seen,
            expected
                .map(|(path, what)| (PathBuf::from(path), what.to_owned()))
                .into()
        );
    }
}

/// Every path below a folder, and its content, target or kind.
fn listing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::from([(PathBuf::new(), "dir".to_owned())]);
    let mut pending = vec![PathBuf::new()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(root.join(&dir)).unwrap() {
            let path = dir.join(entry.unwrap().file_name());
            let meta = fs::symlink_metadata(root.join(&path)).unwrap();
            let kind = meta.file_type();
            let what = if kind.is_dir() {
                pending.push(path.clone());
                "dir".to_owned()
            } else if kind.is_symlink() {
                format!("-> {}", fs::read_link(root.join(&path)).unwrap().display())
            } else if kind.is_char_device() {
                format!("device {}", meta.rdev())
            } else if kind.is_fifo() {
                "fifo".to_owned()
            } else {
                String::from_utf8_lossy(&fs::read(root.join(&path)).unwrap()).into_owned()
            };
            found.insert(path, what);
        }
    }
    found
}

fn check(tar: &Tar, expected: &[(&str, &str)]) {
    let world = World::new();
    world.unpack(tar, Whiteouts::Overlay).unwrap();
    check_listing(&world, expected);
}

fn check_listing(world: &World, expected: &[(&str, &str)]) {
    let mut seen = listing(&world.root);
    seen.remove(Path::new(""));
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(path, what)| (PathBuf::from(path), (*what).to_owned()))
        .collect();
    assert_eq!(seen, expected);
}

fn check_refused(tar: &Tar, expected: ErrorKind) {
    for whiteouts in [Whiteouts::Overlay, Whiteouts::Apply, Whiteouts::Refuse] {
        let error = World::new().unpack(tar, whiteouts).unwrap_err();
        assert_eq!(error.kind(), expected, "{error:?}");
    }
}

#[test]
fn an_ordinary_layer_becomes_files() {
    let tar = Tar::default()
        .dir("./")
        .dir("etc/")
        .file("etc/hosts", "localhost")
        .file("/layers/bp/l/data", "absolute names count from the root")
        .symlink("etc/mtab", "../proc/mounts")
        .symlink("abs", "/etc/hosts")
        .hard_link("again", "etc/hosts")
        .add(&named("pipe", Kind::Fifo, 0o600), b"");
    check(
        &tar,
        &[
            ("etc", "dir"),
            ("etc/hosts", "localhost"),
            ("etc/mtab", "-> ../proc/mounts"),
            ("abs", "-> /etc/hosts"),
            ("again", "localhost"),
            ("layers", "dir"),
            ("layers/bp", "dir"),
            ("layers/bp/l", "dir"),
            ("layers/bp/l/data", "absolute names count from the root"),
            ("pipe", "fifo"),
        ],
    );
}

#[test]
fn modes_and_times_are_those_of_the_tar_without_set_id_bits() {
    let world = World::new();
    let at = crate::tarball::Time {
        seconds: 86_400,
        nanos: 0,
    };
    let with = |name: &str, kind, mode| Header {
        mtime: at,
        ..named(name, kind, mode)
    };
    let tar = Tar::default()
        .add(&with("closed", Kind::Dir, 0o2500), b"")
        .file("closed/inside", "x")
        .add(&with("tmp", Kind::Dir, 0o1777), b"")
        .add(&with("su", Kind::File, 0o6755), b"");
    let summary = world.unpack(&tar, Whiteouts::Overlay).unwrap();
    let facts = |name: &str| {
        let meta = fs::symlink_metadata(world.root.join(name)).unwrap();
        (meta.mode() & 0o7777, meta.mtime())
    };
    assert_eq!(facts("closed"), (0o500, 86_400));
    assert_eq!(facts("tmp"), (0o1777, 86_400));
    assert_eq!(facts("su"), (0o755, 86_400));
    let recorded: Vec<_> = summary
        .recorded
        .iter()
        .map(|entry| (&entry.path[..], entry.mode))
        .collect();
    assert_eq!(recorded, [(&b"closed"[..], 0o2500), (b"su", 0o6755)]);
    files::remove_tree(&world.root).unwrap();
}

#[test]
fn owners_devices_and_capabilities_are_recorded_not_made() {
    let world = World::new();
    let device = Header {
        device: (1, 3),
        ..named("dev/null", Kind::Char, 0o666)
    };
    let mut ping = Header {
        uid: 7,
        gid: 8,
        ..named("ping", Kind::File, 0o755)
    };
    ping.records.insert(
        b"SCHILY.xattr.security.capability".to_vec(),
        b"\x01\x02".to_vec(),
    );
    let summary = world
        .unpack(
            &Tar::default().add(&device, b"").add(&ping, b""),
            Whiteouts::Overlay,
        )
        .unwrap();
    check_listing(&world, &[("dev", "dir"), ("ping", "")]);
    let plain = Recorded {
        path: b"dev/null".into(),
        mode: 0o666,
        uid: 0,
        gid: 0,
        device: None,
        capabilities: vec![],
    };
    let expected = [
        Recorded {
            device: Some(Device::Char(1, 3)),
            ..plain.clone()
        },
        Recorded {
            path: b"ping".into(),
            mode: 0o755,
            uid: 7,
            gid: 8,
            capabilities: vec![1, 2],
            ..plain
        },
    ];
    assert_eq!(summary.recorded, expected);
}

#[test]
fn a_device_0_0_in_a_tar_hides_nothing() {
    check(&Tar::default().add(&named("etc", Kind::Char, 0), b""), &[]);
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in [
        "..",
        "../x",
        "a/../../x",
        "/../x",
        "a/..",
        "./../host/secret",
        "//..//x",
    ] {
        check_refused(&Tar::default().file(name, "evil"), ErrorKind::Escapes);
        check_refused(&Tar::default().dir(name), ErrorKind::Escapes);
        check_refused(&Tar::default().symlink(name, "x"), ErrorKind::Escapes);
        check_refused(
            &Tar::default().file("a", "x").hard_link("b", name),
            ErrorKind::Escapes,
        );
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    for target in ["..", "/", ".", "../host", "/proc/self/cwd"] {
        let tar = Tar::default().dir("real").symlink("l", target);
        check_refused(&tar.clone().file("l/beside", "evil"), ErrorKind::Escapes);
        check_refused(
            &tar.clone().file("l/host/secret", "evil"),
            ErrorKind::Escapes,
        );
        check_refused(&tar.clone().dir("l/new"), ErrorKind::Escapes);
        check_refused(&tar.clone().symlink("l/new", "x"), ErrorKind::Escapes);
        check_refused(&tar.clone().hard_link("x", "l/beside"), ErrorKind::Escapes);
        check_refused(
            &tar.clone()
                .symlink("real/m", "../l")
                .file("real/m/beside", "evil"),
            ErrorKind::Escapes,
        );
    }
    // A file of the same name replaces the link itself.
    check(
        &Tar::default().symlink("l", "../beside").file("l", "mine"),
        &[("l", "mine")],
    );
    check(
        &Tar::default()
            .symlink("l", "../host")
            .dir("l")
            .file("l/secret", "mine"),
        &[("l", "dir"), ("l/secret", "mine")],
    );
}

#[test]
fn links_of_an_earlier_layer_are_not_followed_either() {
    for whiteouts in [Whiteouts::Overlay, Whiteouts::Apply] {
        let world = World::new();
        symlink("../host", world.root.join("l")).unwrap();
        let evil = [
            Tar::default().file("l/secret", "evil"),
            Tar::default().file("l/.wh.secret", ""),
            Tar::default().file("l/.wh..wh..opq", ""),
            Tar::default().hard_link("x", "l/secret"),
        ];
        for tar in evil {
            assert_eq!(
                world.unpack(&tar, whiteouts).unwrap_err().kind(),
                ErrorKind::Escapes
            );
        }
    }
}

#[test]
fn a_hard_link_needs_a_file_before_it() {
    for target in ["/etc/passwd", "missing", "dir", "self", "", "/"] {
        check_refused(
            &Tar::default().dir("dir").hard_link("self", target),
            ErrorKind::Malformed,
        );
    }
    check(
        &Tar::default().symlink("l", "../beside").hard_link("m", "l"),
        &[("l", "-> ../beside"), ("m", "-> ../beside")],
    );
}

#[test]
fn writing_to_a_name_never_changes_another_name_of_the_same_file() {
    let tar = Tar::default()
        .file("a", "old")
        .hard_link("b", "a")
        .file("b", "new");
    check(&tar, &[("a", "old"), ("b", "new")]);
}

#[test]
fn the_last_entry_of_a_name_wins_but_a_directory_stays_one() {
    check(&Tar::default().file("a", "1").file("a", "2"), &[("a", "2")]);
    check(
        &Tar::default().file("a", "1").symlink("a", "x"),
        &[("a", "-> x")],
    );
    check(&Tar::default().file("a", "1").dir("a"), &[("a", "dir")]);
    check_refused(
        &Tar::default().dir("a").file("a", "2"),
        ErrorKind::Malformed,
    );
    check_refused(
        &Tar::default()
            .file("a/b", "1")
            .symlink("a", "x")
            .file("a/c", "2"),
        ErrorKind::Malformed,
    );
    check_refused(
        &Tar::default().file("a", "1").file("a/b", "2"),
        ErrorKind::Malformed,
    );
    check_refused(&Tar::default().file(".", "the root"), ErrorKind::Malformed);
}

#[test]
fn whiteouts_of_nothing_or_of_the_parent_are_refused() {
    for name in [".wh.", ".wh..", ".wh...", "a/.wh...", "a/.wh.."] {
        check_refused(
            &Tar::default().dir("a").file(name, ""),
            ErrorKind::Malformed,
        );
    }
}

#[test]
fn whiteouts_become_the_markers_of_overlayfs() {
    let tar = Tar::default()
        .file("a/.wh.gone", "")
        .file("b/.wh..wh.plnk", "")
        .file("a/here", "x");
    check(
        &tar,
        &[
            ("a", "dir"),
            ("a/gone", "device 0"),
            ("a/here", "x"),
            ("b", "dir"),
        ],
    );
    // What is hidden below and new above is only the new one.
    let tar = Tar::default().file(".wh.a", "").file("a", "new");
    check(&tar, &[("a", "new")]);
    check(
        &Tar::default().file("a", "new").file(".wh.a", ""),
        &[("a", "new")],
    );
}

#[test]
fn an_opaque_directory_is_marked_for_overlayfs() {
    let world = World::new();
    let tar = Tar::default()
        .dir("a")
        .file("a/.wh..wh..opq", "")
        .file(".wh.b", "")
        .dir("b")
        .file("c/x", "")
        .file(".wh.c", "");
    match world.unpack(&tar, Whiteouts::Overlay) {
        Err(error) if format!("{error:?}").contains("not supported") => {
            eprintln!(
                "not checked: no extended attributes of users on the file system of {}",
                world.root.display()
            );
            return;
        }
        result => result.unwrap(),
    };
    check_listing(
        &world,
        &[("a", "dir"), ("b", "dir"), ("c", "dir"), ("c/x", "")],
    );
    for dir in ["a", "b", "c"] {
        let mut value = [0; 8];
        let path = world.root.join(dir);
        let length = rustix::fs::getxattr(&path, "user.overlay.opaque", &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"y", "{dir}");
    }
}

#[test]
fn whiteouts_remove_what_lower_layers_have_and_nothing_of_their_own() {
    let world = World::new();
    let lower = Tar::default()
        .file("a/1", "")
        .file("a/2", "")
        .file("b/c/1", "")
        .file("d/1", "")
        .file("e", "");
    world.unpack(&lower, Whiteouts::Apply).unwrap();
    let upper = Tar::default()
        .file("a/new", "")
        .file("a/.wh..wh..opq", "")
        .file("b/.wh.c", "")
        .file("d/sub/new", "")
        .file(".wh.d", "")
        .dir("e")
        .file(".wh.missing", "");
    world.unpack(&upper, Whiteouts::Apply).unwrap();
    check_listing(
        &world,
        &[
            ("a", "dir"),
            ("a/new", ""),
            ("b", "dir"),
            ("d", "dir"),
            ("d/sub", "dir"),
            ("d/sub/new", ""),
            ("e", "dir"),
        ],
    );
}

#[test]
fn a_file_over_a_directory_of_a_lower_layer_replaces_it() {
    let world = World::new();
    world
        .unpack(
            &Tar::default().file("a/b/c", "").file("l/x", ""),
            Whiteouts::Apply,
        )
        .unwrap();
    world
        .unpack(
            &Tar::default().file("a", "file").symlink("l", "../host"),
            Whiteouts::Apply,
        )
        .unwrap();
    check_listing(&world, &[("a", "file"), ("l", "-> ../host")]);
}

#[test]
fn a_tar_that_is_no_layer_holds_no_whiteouts() {
    let tar = Tar::default().file(".wh.a", "");
    assert_eq!(
        World::new()
            .unpack(&tar, Whiteouts::Refuse)
            .unwrap_err()
            .kind(),
        ErrorKind::Malformed
    );
}

#[test]
fn more_than_the_limits_is_refused() {
    let tar = Tar::default().dir("a").dir("b").add(
        &Header {
            uid: 1,
            ..named("c", Kind::Dir, 0o755)
        },
        b"",
    );
    let limits = Limits::default();
    for limits in [
        Limits {
            entries: 1,
            ..limits
        },
        Limits {
            remembered: 200,
            ..limits
        },
        Limits {
            bytes: 1000,
            ..limits
        },
        Limits { path: 0, ..limits },
        Limits {
            component: 0,
            ..limits
        },
    ] {
        let error = World::new()
            .unpack_within(&tar, Whiteouts::Overlay, limits)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{limits:?}: {error:?}");
    }
    let long = "n".repeat(256);
    check_refused(&Tar::default().file(&long, ""), ErrorKind::TooLarge);
    check_refused(
        &Tar::default().file(&format!("{}f", "d/".repeat(2100)), ""),
        ErrorKind::TooLarge,
    );
}

#[test]
fn what_does_not_fit_on_the_disk_is_refused_before_it_is_written() {
    let mut tar = named("big", Kind::File, 0o644);
    tar.size = 1 << 60;
    let limits = Limits {
        bytes: u64::MAX,
        ..Limits::default()
    };
    let world = World::new();
    let error = world
        .unpack_within(&Tar(tar.to_bytes().unwrap()), Whiteouts::Overlay, limits)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
}

#[test]
fn owners_can_be_given() {
    let world = World::new();
    let me = fs::metadata(&world.root).unwrap();
    let root = me.uid() == 0;
    let (uid, gid) = if root {
        (12_345, 23_456)
    } else {
        (me.uid(), me.gid())
    };
    let tar = Tar::default()
        .file("a/b", "x")
        .symlink("l", "a")
        .file(".wh.gone", "");
    let how = Unpack {
        whiteouts: Whiteouts::Overlay,
        owner: Some((uid, gid)),
        limits: Limits::default(),
    };
    unpack(&mut &tar.0[..], &Dir::open(&world.root).unwrap(), &how).unwrap();
    for path in ["a", "a/b", "l", "gone"] {
        let meta = fs::symlink_metadata(world.root.join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (uid, gid), "{path}");
    }
}

fn any_step() -> impl Strategy<Value = (u8, String, String)> {
    let name = prop_oneof![
        "(a|b|l|\\.\\.|\\.){1,1}(/(a|b|l|\\.\\.|\\.wh\\.a|\\.wh\\.\\.wh\\.\\.opq)){0,3}",
        "/?(a|b|l)(/(a|b|l)){0,2}/?",
        "\\.wh\\.(a|b|l|\\.\\.)?",
    ];
    let target = prop_oneof!["(\\.\\./){0,4}(host|beside|a|b|l)?", "/(host/secret|a|b)?"];
    (0..6u8, name, target)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever comes in whatever order: nothing outside changes, and nothing panics.
    #[test]
    fn no_sequence_of_entries_reaches_outside(steps in proptest::collection::vec(any_step(), 1..14), apply: bool) {
        let mut tar = Tar::default();
        for (kind, name, target) in &steps {
            tar = match kind {
                0 | 1 => tar.file(name.trim_end_matches('/'), "evil"),
                2 => tar.dir(name),
                3 => tar.symlink(name, target),
                4 => tar.hard_link(name, target),
                _ => tar.file(&format!("{}/x", name.trim_end_matches('/')), "evil"),
            };
        }
        let world = World::new();
        let whiteouts = if apply { Whiteouts::Apply } else { Whiteouts::Overlay };
        let _ = world.unpack(&tar, whiteouts);
        let _ = world.unpack(&tar, whiteouts);
    }
}
