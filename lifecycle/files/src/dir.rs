//! An open directory, and looking at what lies below it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, ErrorKind, Result, beneath};

/// An open directory; everything below it is reached without following links.
///
/// Paths given to its methods are relative; `..` and absolute ones are [`ErrorKind::Escapes`], as is a link on
/// the way. The empty path is the directory itself where that makes sense.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    Dir,
    File,
    Symlink,
    Fifo,
    Socket,
    Char,
    Block,
}

/// What the file system knows of an entry itself, never of what a link points to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stat {
    pub kind: Kind,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    pub mtime_nanos: u32,
    /// Seconds since 1970.
    pub ctime: i64,
    pub ctime_nanos: u32,
    /// Major and minor number of a device node, else zeros.
    pub rdev: (u32, u32),
    /// Device and inode: which file this is, whatever its name.
    pub id: (u64, u64),
}

/// A name in a directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    pub name: OsString,
    pub kind: Kind,
}

impl Dir {
    /// Opens a directory by a trusted path: links in `path` are followed.
    pub fn open(path: &Path) -> Result<Dir> {
        let open = |access| {
            let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty())
        };
        match open_readable(open) {
            Ok(fd) => Ok(Dir {
                fd,
                path: path.to_path_buf(),
            }),
            Err(errno) => Err(Error::io(
                format!("opening the folder {}", path.display()),
                errno,
            )),
        }
    }

    /// The path it was opened by, for messages only.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn dir(&self, beneath: &Path) -> Result<Dir> {
        let names = beneath::names(beneath)?;
        let open = |access| beneath::open(self.fd(), &names, access | OFlags::DIRECTORY);
        match open_readable(open) {
            Ok(fd) => Ok(Dir {
                fd,
                path: self.path.join(beneath),
            }),
            Err(errno) => Err(self.failed("opening the folder", beneath, errno)),
        }
    }

    /// Opens a regular file for reading; never waits for a pipe, never opens through a link.
    ///
    /// Fails with [`ErrorKind::NotRegular`] when something else has that name.
    pub fn file(&self, beneath: &Path) -> Result<File> {
        Ok(self.file_and_stat(beneath)?.0)
    }

    /// As [`Dir::file`], with what the open file is.
    pub fn file_and_stat(&self, beneath: &Path) -> Result<(File, Stat)> {
        let (parent, name) = self.parent(beneath)?;
        let flags =
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(parent.fd(), name, flags, Mode::empty()) {
            Err(errno @ Errno::LOOP) => {
                return Err(self
                    .failed("opening", beneath, errno)
                    .with_kind(ErrorKind::NotRegular));
            }
            result => result.map_err(|errno| self.failed("opening", beneath, errno))?,
        };
        let stat =
            rustix::fs::fstat(&fd).map_err(|errno| self.failed("looking at", beneath, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            let doing = format!("{} is not a regular file", self.at(beneath));
            return Err(Error::new(ErrorKind::NotRegular, doing));
        }
        Ok((File::from(fd), Stat::from_system(&stat)))
    }

    /// Describes the entry itself; `None` when nothing has that name.
    pub fn stat(&self, beneath: &Path) -> Result<Option<Stat>> {
        let names = beneath::names(beneath)?;
        let stat = match names.split_last() {
            None => rustix::fs::fstat(self.fd()),
            Some((name, [])) => stat_at(self.fd(), name),
            Some((name, parents)) => {
                beneath::open(self.fd(), parents, OFlags::PATH | OFlags::DIRECTORY)
                    .and_then(|parent| stat_at(parent.as_fd(), name))
            }
        };
        match stat {
            Ok(stat) => Ok(Some(Stat::from_system(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.failed("looking at", beneath, errno)),
        }
    }

    /// The whole content of a regular file; `None` when nothing has that name.
    ///
    /// Fails with [`ErrorKind::TooLarge`] when it has more than `limit` bytes.
    pub fn read(&self, beneath: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let file = match self.file(beneath) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotDirectory) => {
                return Ok(None);
            }
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(format!("reading {}", self.at(beneath)), error))?;
        if u64::try_from(bytes.len()).is_ok_and(|read| read > limit) {
            let doing = format!("{} has more than {limit} bytes", self.at(beneath));
            return Err(Error::new(ErrorKind::TooLarge, doing));
        }
        Ok(Some(bytes))
    }

    pub fn read_link(&self, beneath: &Path) -> Result<PathBuf> {
        let (parent, name) = self.parent(beneath)?;
        let target = rustix::fs::readlinkat(parent.fd(), name, Vec::new())
            .map_err(|errno| self.failed("reading the link", beneath, errno))?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// The names in this directory, sorted by their bytes.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let failed =
            |errno| Error::io(format!("listing the folder {}", self.path.display()), errno);
        let mut entries = Vec::new();
        for found in rustix::fs::Dir::read_from(self.fd()).map_err(failed)? {
            let found = found.map_err(failed)?;
            let name = found.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let name = OsString::from_vec(name.to_vec());
            let kind = match found.file_type() {
                FileType::Unknown => match stat_at(self.fd(), &name) {
                    Ok(stat) => Kind::of(FileType::from_raw_mode(stat.st_mode)),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(failed(errno)),
                },
                known => Kind::of(known),
            };
            entries.push(Entry { name, kind });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Bytes an ordinary user can still write to the file system this directory is on.
    pub fn free_bytes(&self) -> Result<u64> {
        let stat = rustix::fs::fstatvfs(self.fd()).map_err(|errno| {
            Error::io(
                format!("asking for free space at {}", self.path.display()),
                errno,
            )
        })?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn from_fd(fd: OwnedFd, path: PathBuf) -> Dir {
        Dir { fd, path }
    }

    /// The directory that holds the last name of `beneath`, and that name.
    pub(crate) fn parent<'a>(&self, beneath: &'a Path) -> Result<(Parent<'_>, &'a OsStr)> {
        let names = beneath::names(beneath)?;
        match names.split_last() {
            None => {
                let doing = format!(
                    "{} is the folder itself, not something in it",
                    self.path.display()
                );
                Err(Error::new(ErrorKind::Other, doing))
            }
            Some((name, [])) => Ok((Parent::Here(self.fd()), name)),
            Some((name, parents)) => {
                let fd = beneath::open(self.fd(), parents, OFlags::PATH | OFlags::DIRECTORY)
                    .map_err(|errno| self.failed("opening", beneath, errno))?;
                Ok((Parent::Below(fd), name))
            }
        }
    }

    pub(crate) fn failed(&self, doing: &str, beneath: &Path, errno: Errno) -> Error {
        Error::io(format!("{doing} {}", self.at(beneath)), errno)
    }

    pub(crate) fn at(&self, beneath: &Path) -> String {
        self.path.join(beneath).display().to_string()
    }
}

/// The directory a name lies in: the open one, or one below it.
pub(crate) enum Parent<'a> {
    Here(BorrowedFd<'a>),
    Below(OwnedFd),
}

impl Parent<'_> {
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Parent::Here(fd) => *fd,
            Parent::Below(fd) => fd.as_fd(),
        }
    }
}

/// A directory without read permission can still be passed through.
fn open_readable(
    open: impl Fn(OFlags) -> rustix::io::Result<OwnedFd>,
) -> rustix::io::Result<OwnedFd> {
    match open(OFlags::RDONLY) {
        Err(Errno::ACCESS) => open(OFlags::PATH),
        result => result,
    }
}

fn stat_at(fd: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<rustix::fs::Stat> {
    rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)
}

impl Stat {
    /// Whether overlayfs hides by this entry what lower layers have at its name.
    pub fn is_whiteout(&self) -> bool {
        self.kind == Kind::Char && self.rdev == (0, 0)
    }

    /// Describes an open file.
    pub fn of(file: &File) -> Result<Stat> {
        let stat =
            rustix::fs::fstat(file).map_err(|errno| Error::io("looking at an open file", errno))?;
        Ok(Stat::from_system(&stat))
    }

    pub(crate) fn from_system(stat: &rustix::fs::Stat) -> Stat {
        Stat {
            kind: Kind::of(FileType::from_raw_mode(stat.st_mode)),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: stat.st_mtime,
            mtime_nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            ctime: stat.st_ctime,
            ctime_nanos: u32::try_from(stat.st_ctime_nsec).unwrap_or(0),
            rdev: (
                rustix::fs::major(stat.st_rdev),
                rustix::fs::minor(stat.st_rdev),
            ),
            id: (stat.st_dev, stat.st_ino),
        }
    }
}

impl Kind {
    fn of(system: FileType) -> Kind {
        match system {
            FileType::Directory => Kind::Dir,
            FileType::Symlink => Kind::Symlink,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice => Kind::Char,
            FileType::BlockDevice => Kind::Block,
            FileType::RegularFile | FileType::Unknown => Kind::File,
        }
    }
}
