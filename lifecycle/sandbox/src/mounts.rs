//! Single mounts: how one is made, what it may do, and where it is attached.

use std::ffi::c_uint;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, statat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};

use crate::error::Context;
use crate::{Result, sys};

/// What may be done in a mount; devices and set-id bits are for those who say so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    Write,
    Read,
    /// Reading, and its device nodes work.
    Device,
}

impl Rights {
    fn flags(self) -> MountAttrFlags {
        let plain = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        match self {
            Rights::Write => plain,
            Rights::Read => plain | MountAttrFlags::MOUNT_ATTR_RDONLY,
            Rights::Device => MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
        }
    }
}

/// Narrows what may be done in a mount and all below it.
pub(crate) fn narrow(mount: BorrowedFd<'_>, rights: Rights) -> Result<()> {
    let bits: c_uint = rights.flags().bits();
    sys::mount_setattr(mount, bits).doing("narrowing a mount")
}

/// A new filesystem of a kind without a device, not attached anywhere yet.
pub(crate) fn new(
    kind: &str,
    options: &[(&str, &str)],
    rights: Rights,
) -> rustix::io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, rights.flags())
}

/// An empty folder in memory that all may write to.
pub(crate) fn tmpfs(size_bytes: u64) -> Result<OwnedFd> {
    let size = size_bytes.to_string();
    new("tmpfs", &[("size", &size), ("mode", "1777")], Rights::Write).doing("mounting a tmpfs")
}

/// Attaches a mount at a name below `root`, whose links lead no further than `root`.
///
/// The mount point is made if it is missing and the mount it lies in can be written.
pub(crate) fn attach(mount: BorrowedFd<'_>, root: BorrowedFd<'_>, at: &Path) -> Result<()> {
    let doing = || format!("mounting {}", at.display());
    let place = match inside(root, at) {
        Err(Errno::NOENT) => {
            make_point(mount, root, at).doing(doing())?;
            inside(root, at)
        }
        found => found,
    };
    attach_to(mount, place.doing(doing())?.as_fd()).doing(doing())
}

/// Attaches a mount over an open file or folder.
pub(crate) fn attach_to(mount: BorrowedFd<'_>, place: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", place, "", flags)
}

/// Opens a name as a process whose root folder is `root` would find it.
pub(crate) fn inside(root: BorrowedFd<'_>, at: &Path) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(
        root,
        at,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        resolve,
    )
}

fn make_point(mount: BorrowedFd<'_>, root: BorrowedFd<'_>, at: &Path) -> rustix::io::Result<()> {
    let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else {
        return Err(Errno::INVAL);
    };
    let parent = inside(root, parent)?;
    if is_dir(mount)? {
        mkdirat(&parent, name, Mode::from_raw_mode(0o755))
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map(drop)
    }
}

/// Whether a mount shows a folder, not a single file.
pub(crate) fn is_dir(mount: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let stat = statat(mount.as_fd(), "", AtFlags::EMPTY_PATH)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}
