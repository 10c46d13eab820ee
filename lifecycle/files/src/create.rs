//! Making and changing what lies below an open directory.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::{Dir, Error, ErrorKind, Kind, Result, Stat, beneath};

impl Dir {
    /// Makes a directory and opens it; `mode` is exact, the umask does not count.
    pub fn create_dir(&self, beneath: &Path, mode: u32) -> Result<Dir> {
        let (parent, name) = self.parent(beneath)?;
        let doing = "creating the folder";
        rustix::fs::mkdirat(parent.fd(), name, Mode::from_raw_mode(0o700))
            .map_err(|errno| self.failed(doing, beneath, errno))?;
        let fd = beneath::open(parent.fd(), &[name], OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(|errno| self.failed(doing, beneath, errno))?;
        rustix::fs::fchmod(&fd, bits(mode)).map_err(|errno| self.failed(doing, beneath, errno))?;
        Ok(Dir::from_fd(fd, self.path().join(beneath)))
    }

    /// Makes a directory and those it lies in where they are missing, and opens it; `mode` is for the new ones.
    pub fn create_dir_all(&self, beneath: &Path, mode: u32) -> Result<Dir> {
        let mut at = self.dir(Path::new(""))?;
        for name in beneath::names(beneath)? {
            let name = Path::new(name);
            at = match at.dir(name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    match at.create_dir(name, mode) {
                        Err(error) if error.kind() == ErrorKind::Exists => at.dir(name)?,
                        made => made?,
                    }
                }
                found => found?,
            };
        }
        Ok(at)
    }

    /// Makes a new file, open for reading and writing; `mode` is exact, the umask does not count.
    ///
    /// Fails with [`ErrorKind::Exists`] when anything has that name.
    pub fn create_file(&self, beneath: &Path, mode: u32) -> Result<File> {
        let (parent, name) = self.parent(beneath)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(parent.fd(), name, flags, Mode::from_raw_mode(0o600));
        let fd = made.map_err(|errno| self.failed("creating", beneath, errno))?;
        if mode != 0o600 {
            rustix::fs::fchmod(&fd, bits(mode))
                .map_err(|errno| self.failed("setting the mode of", beneath, errno))?;
        }
        Ok(File::from(fd))
    }

    /// Opens a regular file to write at its end; made when nothing has that name, `mode` is for a new one.
    ///
    /// Never waits for a pipe, never opens through a link.
    pub fn append(&self, beneath: &Path, mode: u32) -> Result<File> {
        let (parent, name) = self.parent(beneath)?;
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NONBLOCK
            | OFlags::NOFOLLOW
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(parent.fd(), name, flags, bits(mode));
        let fd = match opened {
            Err(errno @ Errno::LOOP) => {
                return Err(self
                    .failed("opening", beneath, errno)
                    .with_kind(ErrorKind::NotRegular));
            }
            opened => opened.map_err(|errno| self.failed("opening", beneath, errno))?,
        };
        let file = File::from(fd);
        if Stat::of(&file)?.kind != Kind::File {
            let doing = format!("{} is not a regular file", self.at(beneath));
            return Err(Error::new(ErrorKind::NotRegular, doing));
        }
        Ok(file)
    }

    pub fn symlink(&self, target: &Path, beneath: &Path) -> Result<()> {
        let (parent, name) = self.parent(beneath)?;
        rustix::fs::symlinkat(target, parent.fd(), name)
            .map_err(|errno| self.failed("creating the link", beneath, errno))
    }

    /// Gives the file at `existing` the further name `beneath`; a link is not followed, it gets the name itself.
    pub fn hard_link(&self, existing: &Path, beneath: &Path) -> Result<()> {
        let (from, old) = self.parent(existing)?;
        let (to, new) = self.parent(beneath)?;
        rustix::fs::linkat(from.fd(), old, to.fd(), new, AtFlags::empty())
            .map_err(|errno| self.failed("creating the hard link", beneath, errno))
    }

    pub fn fifo(&self, beneath: &Path, mode: u32) -> Result<()> {
        let (parent, name) = self.parent(beneath)?;
        rustix::fs::mknodat(
            parent.fd(),
            name,
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .map_err(|errno| self.failed("creating the pipe", beneath, errno))?;
        self.set_mode(beneath, mode)
    }

    /// Makes the marker by which overlayfs hides an entry of a lower layer (character device 0:0).
    pub fn whiteout(&self, beneath: &Path) -> Result<()> {
        let (parent, name) = self.parent(beneath)?;
        rustix::fs::mknodat(
            parent.fd(),
            name,
            FileType::CharacterDevice,
            Mode::empty(),
            0,
        )
        .map_err(|errno| self.failed("creating the whiteout", beneath, errno))
    }

    /// Makes overlayfs (mounted with `userxattr`) hide what lower layers have in this directory.
    pub fn make_opaque(&self, beneath: &Path) -> Result<()> {
        let dir = self.dir(beneath)?;
        rustix::fs::fsetxattr(dir.fd(), c"user.overlay.opaque", b"y", XattrFlags::empty())
            .map_err(|errno| self.failed("marking as opaque the folder", beneath, errno))
    }

    /// Whether overlayfs hides what lower layers have in this directory. Fails for one that may not be read.
    pub fn is_opaque(&self, beneath: &Path) -> Result<bool> {
        let dir = self.dir(beneath)?;
        let mut value = [0; 1];
        match rustix::fs::fgetxattr(dir.fd(), c"user.overlay.opaque", &mut value) {
            Ok(_) => Ok(&value == b"y"),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(false),
            Err(errno) => Err(self.failed("looking for the mark of overlays at", beneath, errno)),
        }
    }

    /// Sets the permissions of a file or directory; of a link they cannot be set.
    pub fn set_mode(&self, beneath: &Path, mode: u32) -> Result<()> {
        let names = beneath::names(beneath)?;
        beneath::open(self.fd(), &names, OFlags::PATH)
            .and_then(|fd| set_mode_of(fd.as_fd(), mode))
            .map_err(|errno| self.failed("setting the mode of", beneath, errno))
    }

    /// Sets the owner of the entry itself.
    pub fn set_owner(&self, beneath: &Path, uid: u32, gid: u32) -> Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let changed = match self.parent_or_self(beneath)? {
            None => rustix::fs::chownat(self.fd(), c"", uid, gid, AtFlags::EMPTY_PATH),
            Some((parent, name)) => {
                rustix::fs::chownat(parent.fd(), name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
        };
        changed.map_err(|errno| self.failed("setting the owner of", beneath, errno))
    }

    /// Sets both times of the entry itself to `mtime`, in seconds since 1970.
    pub fn set_times(&self, beneath: &Path, mtime: i64) -> Result<()> {
        let time = Timespec {
            tv_sec: mtime,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        let changed = match self.parent_or_self(beneath)? {
            None => rustix::fs::utimensat(self.fd(), c".", &times, AtFlags::empty()),
            Some((parent, name)) => {
                rustix::fs::utimensat(parent.fd(), name, &times, AtFlags::SYMLINK_NOFOLLOW)
            }
        };
        changed.map_err(|errno| self.failed("setting the times of", beneath, errno))
    }

    /// Renames; what had the name `to` is replaced as by rename(2).
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.rename_into(from, self, to)
    }

    /// Renames out of this directory to `to` beneath another one on the same file system; what had that name is replaced.
    pub fn rename_into(&self, from: &Path, into: &Dir, to: &Path) -> Result<()> {
        let (source, old) = self.parent(from)?;
        let (target, new) = into.parent(to)?;
        rustix::fs::renameat(source.fd(), old, target.fd(), new).map_err(|errno| {
            let error = self.failed("renaming", from, errno);
            match errno {
                Errno::XDEV => error.with_kind(ErrorKind::OtherFileSystem),
                _ => error,
            }
        })
    }

    /// Removes anything but a directory; a link itself, not what it points to.
    pub fn remove_file(&self, beneath: &Path) -> Result<()> {
        let (parent, name) = self.parent(beneath)?;
        rustix::fs::unlinkat(parent.fd(), name, AtFlags::empty())
            .map_err(|errno| self.failed("removing", beneath, errno))
    }

    fn parent_or_self<'a>(
        &self,
        beneath: &'a Path,
    ) -> Result<Option<(crate::dir::Parent<'_>, &'a OsStr)>> {
        if beneath::names(beneath)?.is_empty() {
            Ok(None)
        } else {
            self.parent(beneath).map(Some)
        }
    }
}

/// Changes the mode behind an `O_PATH` descriptor: by its name in /proc, since `fchmod` refuses it.
pub(crate) fn set_mode_of(fd: BorrowedFd<'_>, mode: u32) -> rustix::io::Result<()> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
    if kind == FileType::Symlink {
        return Err(Errno::OPNOTSUPP);
    }
    match rustix::fs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), bits(mode)) {
        // Without /proc: only possible where the file can be opened.
        Err(Errno::NOENT | Errno::NOTDIR) if kind == FileType::Directory => {
            let open =
                rustix::fs::openat(fd, c".", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::fs::fchmod(open, bits(mode))
        }
        result => result,
    }
}

fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o7777)
}
