//! Removing whole trees, also those that do not want to go.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::create::set_mode_of;
use crate::{Dir, Error, ErrorKind, Result, beneath};

/// Directories deeper than this are first moved up to the root of the tree, so that a tree of any depth needs
/// few open files.
const DEEPEST: usize = 64;

/// Removes a file or a whole tree, also with directories of mode 000; absent is fine. Links are not followed.
///
/// The path itself is trusted up to its last name.
pub fn remove_tree(path: &Path) -> Result<()> {
    let Some(name) = path.file_name() else {
        let doing = format!("removing {}: it has no name of its own", path.display());
        return Err(Error::new(ErrorKind::Other, doing));
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match Dir::open(parent) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        dir => dir?.remove_tree(Path::new(name)),
    }
}

impl Dir {
    /// Removes a file or a whole tree below this directory, as the function of the same name.
    pub fn remove_tree(&self, beneath: &Path) -> Result<()> {
        let (parent, name) = match self.parent(beneath) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        remove(parent.fd(), name).map_err(|errno| self.failed("removing", beneath, errno))
    }
}

fn remove(parent: BorrowedFd<'_>, name: &std::ffi::OsStr) -> rustix::io::Result<()> {
    let Some(top) = unlink_or_open(parent, name)? else {
        return Ok(());
    };
    let mut moved = Moved {
        root: top.as_fd(),
        count: 0,
        pending: Vec::new(),
    };
    empty(top.as_fd(), 0, &mut moved)?;
    while let Some(name) = moved.pending.pop() {
        if let Some(dir) = unlink_or_open(moved.root, &name)? {
            empty(dir.as_fd(), 0, &mut moved)?;
            remove_dir(moved.root, &name)?;
        }
    }
    remove_dir(parent, name)
}

/// Directories that were too deep, now in the root of the tree under names of our own.
struct Moved<'a> {
    root: BorrowedFd<'a>,
    count: u64,
    pending: Vec<OsString>,
}

fn empty(dir: BorrowedFd<'_>, depth: usize, moved: &mut Moved<'_>) -> rustix::io::Result<()> {
    for entry in rustix::fs::Dir::read_from(dir)?.collect::<rustix::io::Result<Vec<_>>>()? {
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let name = std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes());
        let Some(child) = unlink_or_open(dir, name)? else {
            continue;
        };
        if depth < DEEPEST {
            empty(child.as_fd(), depth + 1, moved)?;
            remove_dir(dir, name)?;
        } else {
            moved.take(dir, name)?;
        }
    }
    Ok(())
}

impl Moved<'_> {
    fn take(&mut self, dir: BorrowedFd<'_>, name: &std::ffi::OsStr) -> rustix::io::Result<()> {
        loop {
            let new = OsString::from(format!(".removing-{}", self.count));
            self.count += 1;
            match rustix::fs::renameat_with(
                dir,
                name,
                self.root,
                &new,
                rustix::fs::RenameFlags::NOREPLACE,
            ) {
                Err(Errno::EXIST) => {}
                result => {
                    self.pending.push(new);
                    return result;
                }
            }
        }
    }
}

/// Removes what is no directory; a directory is made usable for its owner and opened.
fn unlink_or_open(
    parent: BorrowedFd<'_>,
    name: &std::ffi::OsStr,
) -> rustix::io::Result<Option<OwnedFd>> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(None),
        // Linux says EISDIR, POSIX EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let held = beneath::open(parent, &[name], OFlags::PATH | OFlags::DIRECTORY)?;
    let mode = rustix::fs::fstat(&held)?.st_mode;
    if FileType::from_raw_mode(mode) == FileType::Directory && mode & 0o700 != 0o700 {
        set_mode_of(held.as_fd(), 0o700)?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&held, c".", flags, Mode::empty()).map(Some)
}

fn remove_dir(parent: BorrowedFd<'_>, name: &std::ffi::OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}
