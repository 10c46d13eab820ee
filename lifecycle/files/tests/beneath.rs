//! Looking and writing below a directory: nothing outside is reached, whatever lies in the way.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use files::{Dir, ErrorKind, Kind};

/// A folder with something in it, beside a secret.
struct World {
    temporary: tempfile::TempDir,
    dir: Dir,
}

fn world() -> World {
    let temporary = tempfile::tempdir().expect("a world");
    let root = temporary.path().join("root");
    fs::create_dir_all(root.join("a/b")).expect("a world");
    fs::write(root.join("a/b/file"), "content").expect("a world");
    fs::write(temporary.path().join("secret"), "canary").expect("a world");
    symlink(temporary.path(), root.join("out")).expect("a world");
    symlink("../secret", root.join("secret")).expect("a world");
    let dir = Dir::open(&root).expect("a world");
    World { temporary, dir }
}

impl World {
    fn on_disk(&self, path: &str) -> PathBuf {
        self.temporary.path().join("root").join(path)
    }
}

fn at(path: &str) -> &Path {
    Path::new(path)
}

#[test]
fn files_below_are_read() {
    let world = world();
    assert_eq!(
        world.dir.read(at("a/b/file"), 7).unwrap().unwrap(),
        b"content"
    );
    assert_eq!(
        world
            .dir
            .dir(at("a"))
            .unwrap()
            .dir(at("b"))
            .unwrap()
            .read(at("file"), 99)
            .unwrap()
            .unwrap(),
        b"content"
    );
    let mut text = String::new();
    world
        .dir
        .file(at("a/b/file"))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "content");
}

#[test]
fn absent_is_none_and_too_large_is_an_error() {
    let world = world();
    for path in ["missing", "a/missing/x", "a/b/file/x"] {
        assert_eq!(world.dir.read(at(path), 9).unwrap(), None, "{path}");
        assert_eq!(world.dir.stat(at(path)).unwrap(), None, "{path}");
        assert!(matches!(
            world.dir.file(at(path)).unwrap_err().kind(),
            ErrorKind::NotFound | ErrorKind::NotDirectory
        ));
    }
    assert_eq!(
        world.dir.read(at("a/b/file"), 6).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
}

#[test]
fn what_is_no_regular_file_is_neither_opened_nor_waited_for() {
    let world = world();
    world.dir.fifo(at("pipe"), 0o600).unwrap();
    let _socket = UnixListener::bind(world.on_disk("socket")).unwrap();
    for path in ["pipe", "socket", "secret", "a", "out"] {
        assert_eq!(
            world.dir.file(at(path)).unwrap_err().kind(),
            ErrorKind::NotRegular,
            "{path}"
        );
        assert_eq!(
            world.dir.read(at(path), 9).unwrap_err().kind(),
            ErrorKind::NotRegular,
            "{path}"
        );
    }
    assert_eq!(
        world.dir.dir(at("a/b/file")).unwrap_err().kind(),
        ErrorKind::NotDirectory
    );
}

#[test]
fn nothing_is_reached_through_a_link_or_a_path_that_leaves() {
    let World { dir, temporary } = world();
    for path in [
        "out/secret",
        "out/root/a",
        "..",
        "../secret",
        "a/../../secret",
        "/etc/passwd",
    ] {
        let path = at(path);
        let kinds = [
            dir.file(path).map(drop),
            dir.read(path, 9).map(drop),
            dir.stat(path).map(drop),
            dir.dir(path).map(drop),
            dir.read_link(path).map(drop),
            dir.create_dir(path, 0o755).map(drop),
            dir.create_dir_all(path, 0o755).map(drop),
            dir.create_file(path, 0o644).map(drop),
            dir.symlink(at("x"), path),
            dir.hard_link(at("a/b/file"), path),
            dir.hard_link(path, at("mine")),
            dir.fifo(path, 0o644),
            dir.whiteout(path),
            dir.make_opaque(path),
            dir.set_mode(path, 0o777),
            dir.set_owner(path, 0, 0),
            dir.set_times(path, 0),
            dir.rename(at("a/b/file"), path),
            dir.rename(path, at("mine")),
            dir.remove_file(path),
            dir.remove_tree(path),
        ]
        .map(|result| result.map_err(|error| error.kind()));
        assert_eq!(kinds, [Err(ErrorKind::Escapes); 21], "{}", path.display());
    }
    assert_eq!(
        fs::read_to_string(temporary.path().join("secret")).unwrap(),
        "canary"
    );
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 2);
    assert_eq!(dir.read(at("a/b/file"), 9).unwrap().unwrap(), b"content");
}

#[test]
fn a_file_grows_at_its_end_whoever_opened_it_first() {
    let world = world();
    let (mut one, mut two) = (
        world.dir.append(at("a/log"), 0o640).unwrap(),
        world.dir.append(at("a/log"), 0o600).unwrap(),
    );
    one.write_all(b"1").unwrap();
    two.write_all(b"2").unwrap();
    one.write_all(b"3").unwrap();
    assert_eq!(fs::read(world.on_disk("a/log")).unwrap(), b"123");
    for bad in ["secret", "a/b", "out/x", "../x"] {
        world.dir.append(at(bad), 0o600).expect_err(bad);
    }
    assert_eq!(
        fs::read(world.temporary.path().join("secret")).unwrap(),
        b"canary"
    );
}

#[test]
fn a_file_moves_to_another_folder_and_replaces_what_is_there() {
    let world = world();
    let target = world.dir.create_dir(at("target"), 0o755).unwrap();
    fs::write(world.on_disk("target/name"), "old").unwrap();
    world
        .dir
        .rename_into(at("a/b/file"), &target, at("name"))
        .unwrap();
    target.sync().unwrap();
    assert_eq!(fs::read(world.on_disk("target/name")).unwrap(), b"content");
    assert!(world.dir.stat(at("a/b/file")).unwrap().is_none());
    for (from, to) in [("target/name", "../up"), ("out/secret", "x")] {
        let refused = world.dir.rename_into(at(from), &target, at(to));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Escapes, "{from}");
    }
}

#[test]
fn links_themselves_can_be_seen_and_removed() {
    let world = world();
    assert_eq!(
        world.dir.stat(at("out")).unwrap().unwrap().kind,
        Kind::Symlink
    );
    assert_eq!(world.dir.read_link(at("secret")).unwrap(), at("../secret"));
    world.dir.set_times(at("secret"), 7).unwrap();
    assert_eq!(
        fs::symlink_metadata(world.on_disk("secret"))
            .unwrap()
            .mtime(),
        7
    );
    assert_ne!(fs::metadata(world.on_disk("secret")).unwrap().mtime(), 7);
    assert!(world.dir.set_mode(at("secret"), 0o777).is_err());
    world.dir.remove_file(at("secret")).unwrap();
    world.dir.remove_tree(at("out")).unwrap();
    assert_eq!(
        fs::read_to_string(world.temporary.path().join("secret")).unwrap(),
        "canary"
    );
}

#[test]
fn names_come_sorted_by_their_bytes_whatever_they_are() {
    let world = world();
    for name in [&b"\xff\xfe"[..], b"new\nline", b"-rf", b"B", b"a-b"] {
        world
            .dir
            .create_file(Path::new(std::ffi::OsStr::from_bytes(name)), 0o600)
            .unwrap();
    }
    let names: Vec<_> = world
        .dir
        .entries()
        .unwrap()
        .iter()
        .map(|entry| entry.name.as_bytes().to_vec())
        .collect();
    let expected = [
        &b"-rf"[..],
        b"B",
        b"a",
        b"a-b",
        b"new\nline",
        b"out",
        b"secret",
        b"\xff\xfe",
    ];
    assert_eq!(names, expected);
}

#[test]
fn what_is_made_has_exactly_its_mode_and_time() {
    let world = world();
    world
        .dir
        .create_file(at("a/file"), 0o666)
        .unwrap()
        .write_all(b"x")
        .unwrap();
    world.dir.create_dir(at("a/dir"), 0o1777).unwrap();
    world.dir.create_dir_all(at("x/y/z"), 0o750).unwrap();
    world.dir.create_dir_all(at("x/y"), 0o700).unwrap();
    world.dir.fifo(at("a/pipe"), 0o622).unwrap();
    for (path, mode) in [
        ("a/file", 0o666),
        ("a/dir", 0o1777),
        ("x/y", 0o750),
        ("x/y/z", 0o750),
        ("a/pipe", 0o622),
    ] {
        assert_eq!(
            world.dir.stat(at(path)).unwrap().unwrap().mode,
            mode,
            "{path}"
        );
    }
    world.dir.set_mode(at("a/dir"), 0).unwrap();
    world.dir.set_mode(at("a/dir"), 0o711).unwrap();
    world.dir.set_times(at("a/dir"), -5).unwrap();
    let stat = world.dir.stat(at("a/dir")).unwrap().unwrap();
    assert_eq!((stat.mode, stat.mtime), (0o711, -5));
    world.dir.set_mode(at(""), 0o700).unwrap();
    assert_eq!(
        fs::metadata(world.on_disk(""))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
        0o700
    );
}

#[test]
fn what_is_there_is_not_overwritten() {
    let world = world();
    for path in ["a", "a/b/file", "secret"] {
        assert_eq!(
            world.dir.create_file(at(path), 0o644).unwrap_err().kind(),
            ErrorKind::Exists
        );
        assert_eq!(
            world
                .dir
                .create_dir(at(path), 0o755)
                .map(drop)
                .unwrap_err()
                .kind(),
            ErrorKind::Exists
        );
        assert_eq!(
            world.dir.symlink(at("x"), at(path)).unwrap_err().kind(),
            ErrorKind::Exists
        );
        assert_eq!(
            world.dir.whiteout(at(path)).unwrap_err().kind(),
            ErrorKind::Exists
        );
    }
    world.dir.whiteout(at("gone")).unwrap();
    let stat = world.dir.stat(at("gone")).unwrap().unwrap();
    assert_eq!((stat.kind, stat.rdev), (Kind::Char, (0, 0)));
    world.dir.rename(at("a/b/file"), at("moved")).unwrap();
    world.dir.hard_link(at("moved"), at("a/again")).unwrap();
    assert_eq!(
        world.dir.stat(at("a/again")).unwrap().unwrap().id,
        world.dir.stat(at("moved")).unwrap().unwrap().id
    );
}

#[test]
fn a_directory_that_is_swapped_for_a_link_is_never_followed() {
    let world = world();
    fs::create_dir_all(world.on_disk("d/e")).unwrap();
    fs::write(world.on_disk("d/e/secret"), "mine").unwrap();
    symlink(world.temporary.path(), world.on_disk("l")).unwrap();
    fs::create_dir(world.temporary.path().join("e")).unwrap();
    fs::write(world.temporary.path().join("e/secret"), "canary").unwrap();

    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                fs::rename(world.on_disk("d"), world.on_disk("aside")).unwrap();
                fs::rename(world.on_disk("l"), world.on_disk("d")).unwrap();
                fs::rename(world.on_disk("d"), world.on_disk("l")).unwrap();
                fs::rename(world.on_disk("aside"), world.on_disk("d")).unwrap();
            }
        });
        let seen: Vec<_> = (0..20_000)
            .map(|_| world.dir.read(at("d/e/secret"), 99))
            .collect();
        stop.store(true, Ordering::Relaxed);
        seen
    });
    let read = seen.iter().flatten().flatten().collect::<Vec<_>>();
    assert!(!read.is_empty(), "the directory was there some of the time");
    assert!(read.iter().all(|bytes| bytes.as_slice() == b"mine"));
}
