//! The one error of this crate.

use std::fmt;
use std::io;

pub type Result<T> = std::result::Result<T, Error>;

/// What a caller may want to tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is there.
    NotFound,
    /// Something is there already.
    Exists,
    /// The path leaves its directory, or goes through a link.
    Escapes,
    /// A link, pipe, socket or device where a regular file is needed.
    NotRegular,
    /// Something else where a directory is needed.
    NotDirectory,
    /// More bytes than the caller allows.
    TooLarge,
    /// The system refuses: permissions or a read-only file system.
    Denied,
    /// The disk or the quota is full.
    NoSpace,
    /// Both names of a rename are not on one file system, or an overlay cannot rename a folder that lies below it.
    OtherFileSystem,
    /// Somebody else holds the lock.
    Busy,
    Other,
}

/// An operation on a file that failed; names the operation and the path.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            source: None,
        }
    }

    pub(crate) fn io(doing: impl Into<String>, source: impl Into<io::Error>) -> Error {
        let source = source.into();
        Error {
            kind: kind_of(&source),
            doing: doing.into(),
            source: Some(source),
        }
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Error {
        self.kind = kind;
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    use rustix::io::Errno;
    let Some(errno) = Errno::from_io_error(error) else {
        // Crate `tempfile` wraps its errors; only their kind can be seen.
        return match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::AlreadyExists => ErrorKind::Exists,
            io::ErrorKind::NotADirectory => ErrorKind::NotDirectory,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Denied
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            _ => ErrorKind::Other,
        };
    };
    match errno {
        Errno::NOENT => ErrorKind::NotFound,
        Errno::EXIST | Errno::NOTEMPTY => ErrorKind::Exists,
        Errno::LOOP | Errno::XDEV => ErrorKind::Escapes,
        Errno::NOTDIR => ErrorKind::NotDirectory,
        Errno::ISDIR | Errno::NXIO => ErrorKind::NotRegular,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => ErrorKind::Denied,
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => ErrorKind::NoSpace,
        Errno::AGAIN => ErrorKind::Busy,
        _ => ErrorKind::Other,
    }
}
