//! The crate's error: what was being done, and what kind of failure callers may branch on.

use std::fmt;
use std::io;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with what was being done to what; the cause hangs on `source()`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What callers branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    NotFound,
    /// Bytes are not those that their checksum promised.
    Integrity,
    /// Bytes that break their format.
    Malformed,
    /// Larger, deeper or more than the limit that the text names.
    TooLarge,
    /// A format or codec of a newer slipway.
    Unsupported,
    Denied,
    NoSpace,
    Other,
}

impl Error {
    /// `doing` is one lower-case clause, without the cause: `reading a recipe`.
    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            source: None,
        }
    }

    pub(crate) fn malformed(doing: impl Into<String>) -> Error {
        Error::new(ErrorKind::Malformed, doing)
    }

    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Error {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Denied
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => ErrorKind::NoSpace,
            _ => ErrorKind::Other,
        };
        Error {
            source: Some(Box::new(source)),
            ..Error::new(kind, doing)
        }
    }

    /// Wraps an error of crate `files`.
    pub(crate) fn files(doing: impl Into<String>, source: files::Error) -> Error {
        let kind = match source.kind() {
            files::ErrorKind::NotFound => ErrorKind::NotFound,
            files::ErrorKind::TooLarge => ErrorKind::TooLarge,
            files::ErrorKind::Denied => ErrorKind::Denied,
            files::ErrorKind::NoSpace => ErrorKind::NoSpace,
            _ => ErrorKind::Other,
        };
        Error {
            source: Some(Box::new(source)),
            ..Error::new(kind, doing)
        }
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
        self.source.as_deref().map(|source| source as _)
    }
}
