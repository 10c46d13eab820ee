//! Opening a path below a directory without following any link on the way.
//!
//! One `openat2` where the kernel has it; where it is missing or forbidden by a seccomp filter, one `openat` per
//! component, which is as safe since no component is a link or `..`.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::{Error, ErrorKind, Result};

/// The names of a relative path; `.` is nothing, `..` and absolute paths are refused.
pub(crate) fn names(beneath: &Path) -> Result<Vec<&OsStr>> {
    let mut names = Vec::new();
    for component in beneath.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let doing = format!("{} leads out of its directory", beneath.display());
                return Err(Error::new(ErrorKind::Escapes, doing));
            }
        }
    }
    Ok(names)
}

/// Opens `names` below `root`; the last one is not followed either.
pub(crate) fn open(
    root: BorrowedFd<'_>,
    names: &[&OsStr],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match names {
        [] => rustix::fs::openat(root, c".", flags, Mode::empty()),
        [name] => open_one(root, name, flags),
        names => match open_at_once(root, names, flags) {
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::TOOBIG | Errno::NAMETOOLONG) => {
                walk(root, names, flags)
            }
            result => result,
        },
    }
}

fn open_at_once(
    root: BorrowedFd<'_>,
    names: &[&OsStr],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let path: std::path::PathBuf = names.iter().collect();
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, &path, flags, Mode::empty(), resolve)
}

fn walk(root: BorrowedFd<'_>, names: &[&OsStr], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let Some((last, parents)) = names.split_last() else {
        return open(root, names, flags);
    };
    let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at: Option<OwnedFd> = None;
    for name in parents {
        let from = at.as_ref().map_or(root, |fd| std::os::fd::AsFd::as_fd(fd));
        at = Some(open_one(from, name, through)?);
    }
    let from = at.as_ref().map_or(root, |fd| std::os::fd::AsFd::as_fd(fd));
    open_one(from, last, flags)
}

/// `O_DIRECTORY | O_NOFOLLOW` says ENOTDIR about a link; callers want to hear ELOOP, as from `openat2`.
fn open_one(from: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::openat(from, name, flags, Mode::empty()) {
        Err(Errno::NOTDIR) if is_link(from, name) => Err(Errno::LOOP),
        result => result,
    }
}

fn is_link(from: BorrowedFd<'_>, name: &OsStr) -> bool {
    rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn check(path: &str, expected: std::result::Result<(), Errno>) {
        let world = tempfile::tempdir().unwrap();
        let root = world.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/file"), "x").unwrap();
        std::fs::write(world.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("a/b", root.join("inside")).unwrap();
        std::os::unix::fs::symlink(world.path(), root.join("outside")).unwrap();
        std::os::unix::fs::symlink("../secret", root.join("a/up")).unwrap();

        let fd = std::fs::File::open(&root).unwrap();
        let path = Path::new(path);
        let names = names(path).unwrap();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at_once = open(fd.as_fd(), &names, flags).map(drop);
        let walked = walk(fd.as_fd(), &names, flags).map(drop);
        assert_eq!((at_once, walked), (expected, expected), "{path:?}");
    }

    #[test]
    fn both_ways_open_what_lies_below() {
        check("a/b/file", Ok(()));
        check("a/b", Ok(()));
        check("./a//b/./file", Ok(()));
    }

    #[test]
    fn both_ways_follow_no_link() {
        check("outside/secret", Err(Errno::LOOP));
        check("inside/file", Err(Errno::LOOP));
        check("a/up", Err(Errno::LOOP));
        check("a/up/x", Err(Errno::LOOP));
    }

    #[test]
    fn both_ways_agree_on_what_is_not_there() {
        check("a/c/file", Err(Errno::NOENT));
        check("a/b/file/x", Err(Errno::NOTDIR));
    }

    #[test]
    fn a_path_that_leaves_its_directory_is_refused() {
        for path in ["..", "a/../..", "/etc/passwd", "a/.."] {
            assert_eq!(
                names(Path::new(path)).unwrap_err().kind(),
                ErrorKind::Escapes,
                "{path}"
            );
        }
    }
}
