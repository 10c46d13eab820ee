//! What can go wrong, and whether the machine or the request is at fault.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

pub type Result<T> = std::result::Result<T, Error>;

/// Why something in this crate failed; its text names what was being done.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What callers branch on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// This machine does not let us make a sandbox (exit code 69).
    Unavailable {
        errno: i32,
        /// The setting that stands in the way, such as a sysctl's name.
        knob: String,
        /// One line that the user can act on.
        fix: String,
    },
    /// The program could not be started: absent, not executable, wrong format.
    Exec { errno: i32 },
    /// The time given to [`crate::Running::wait`] is over; everything inside is dead.
    TimedOut,
    /// A folder or file named in the request is absent or may not be read by the [`crate::HostId`].
    Missing,
    /// Everything else.
    Other,
}

impl Error {
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            source: None,
        }
    }

    pub(crate) fn caused(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn errno(&self) -> Option<i32> {
        self.source
            .as_deref()?
            .downcast_ref::<io::Error>()?
            .raw_os_error()
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

/// Says what was being done when a system call failed.
pub(crate) trait Context<T> {
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|cause| Error::new(ErrorKind::Other, what).caused(cause.into()))
    }
}
