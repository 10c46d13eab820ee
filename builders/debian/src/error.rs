//! The error of this crate.

use std::error::Error as StdError;
use std::fmt;

pub type Result<T> = std::result::Result<T, Error>;

/// What a caller may do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such release or image.
    Unknown,
    /// A locked package is nowhere to be had, and the lock is binding.
    Vanished,
    /// A signature, a digest or a date is wrong.
    Untrusted,
    /// The archive cannot be reached.
    Network,
    /// Bytes that break their format.
    Malformed,
    /// The packages of a recipe cannot be had together.
    Unsatisfiable,
    /// The interpreter of the image did not do its work.
    Interpreter,
    /// Files or layers could not be read or written.
    Storage,
}

/// A failure: one clause naming what was being done, causes on `source()`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    help: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            help: None,
            source: None,
        }
    }

    pub(crate) fn malformed(doing: impl Into<String>) -> Error {
        Error::new(ErrorKind::Malformed, doing)
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn helped(mut self, help: impl Into<String>) -> Error {
        self.help = Some(help.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// One thing the user can do, where there is one.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether the same may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Network
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
