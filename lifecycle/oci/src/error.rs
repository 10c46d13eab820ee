//! The crate's error: what was being done, and what kind of failure callers may branch on.

use std::fmt;
use std::io;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, with what was being done to what; the cause hangs on `source()`.
pub struct Error {
    kind: ErrorKind,
    doing: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What callers branch on. Implementations of [`Store`](crate::Store) and [`Images`](crate::Images) elsewhere use the same kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    NotFound,
    /// Bytes are not those that their digest or size promised.
    Integrity,
    /// Bytes or names that break their format.
    Malformed,
    /// Larger, deeper or more than the limit that the text names.
    TooLarge,
    /// Well formed, but not something we handle.
    Unsupported,
    /// A file changed while it was read.
    Changed,
    /// A path would leave the directory it belongs in.
    Escapes,
    /// Credentials or permissions are missing.
    Denied,
    NoSpace,
    /// Somebody else holds a lock.
    Busy,
    /// Trying again later may help (network, registry).
    Transient,
    Other,
}

impl Error {
    /// `doing` is one lower-case clause, without the cause: `reading index.json`.
    pub fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            source: None,
        }
    }

    /// Hangs the cause on the error.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// Wraps an error of the system. One of ours that travelled inside it (a [`Verified`](crate::Verified) reader) keeps its kind.
    pub fn io(doing: impl Into<String>, source: io::Error) -> Error {
        Error::new(kind_of_io(&source), doing).because(source)
    }

    /// Wraps an error of crate `files`.
    pub fn files(doing: impl Into<String>, source: files::Error) -> Error {
        Error::new(kind_of_files(source.kind()), doing).because(source)
    }

    /// Wraps an error of crate `chunks`.
    pub fn chunks(doing: impl Into<String>, source: chunks::Error) -> Error {
        Error::new(kind_of_chunks(source.kind()), doing).because(source)
    }

    /// Wraps one of our own errors: the kind stays, the text gains what it was part of.
    pub fn during(self, doing: impl Into<String>) -> Error {
        Error::new(self.kind, doing).because(self)
    }

    pub(crate) fn malformed(doing: impl Into<String>) -> Error {
        Error::new(ErrorKind::Malformed, doing)
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

fn kind_of_io(error: &io::Error) -> ErrorKind {
    if let Some(inner) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        return inner.kind;
    }
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => ErrorKind::Malformed,
        io::ErrorKind::ResourceBusy | io::ErrorKind::WouldBlock => ErrorKind::Busy,
        io::ErrorKind::TimedOut
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted => ErrorKind::Transient,
        _ => ErrorKind::Other,
    }
}

fn kind_of_files(kind: files::ErrorKind) -> ErrorKind {
    match kind {
        files::ErrorKind::NotFound => ErrorKind::NotFound,
        files::ErrorKind::Escapes => ErrorKind::Escapes,
        files::ErrorKind::NotRegular | files::ErrorKind::NotDirectory => ErrorKind::Malformed,
        files::ErrorKind::TooLarge => ErrorKind::TooLarge,
        files::ErrorKind::Denied => ErrorKind::Denied,
        files::ErrorKind::NoSpace => ErrorKind::NoSpace,
        files::ErrorKind::Busy => ErrorKind::Busy,
        _ => ErrorKind::Other,
    }
}

/// So that a failure can travel through `Read` and `Write`; [`Error::io`] finds its kind again.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error.kind {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::Integrity | ErrorKind::Malformed => io::ErrorKind::InvalidData,
            ErrorKind::Denied => io::ErrorKind::PermissionDenied,
            ErrorKind::NoSpace => io::ErrorKind::StorageFull,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.doing)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

fn kind_of_chunks(kind: chunks::ErrorKind) -> ErrorKind {
    match kind {
        chunks::ErrorKind::NotFound => ErrorKind::NotFound,
        chunks::ErrorKind::Integrity => ErrorKind::Integrity,
        chunks::ErrorKind::Malformed => ErrorKind::Malformed,
        chunks::ErrorKind::TooLarge => ErrorKind::TooLarge,
        chunks::ErrorKind::Unsupported => ErrorKind::Unsupported,
        chunks::ErrorKind::Denied => ErrorKind::Denied,
        chunks::ErrorKind::NoSpace => ErrorKind::NoSpace,
        _ => ErrorKind::Other,
    }
}
