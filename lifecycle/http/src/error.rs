//! The error of this crate: what a caller branches on, what failed, and why.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub type Result<T> = std::result::Result<T, Error>;

/// What a caller may do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No network is wanted, or the host name cannot be looked up.
    Offline,
    /// Nothing answers at that address.
    Refused,
    /// The connection ended or said something that is not HTTP.
    Broken,
    /// A limit in time was passed.
    Timeout,
    /// The other side could not prove who it is.
    Tls,
    /// 404 or 410.
    NotFound,
    /// 401, 403 or 407.
    Denied,
    /// 408, 425, 429 or 5xx, even after several attempts.
    Busy,
    /// The bytes are not those that were promised.
    Digest,
    /// More bytes than allowed.
    TooLarge,
    /// The local file could not be written.
    File,
    /// Everything else: a wrong address, too many redirects, other statuses.
    Other,
}

/// A failed request.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    doing: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            status: None,
            retry_after: None,
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn status_of(mut self, status: u16, retry_after: Option<Duration>) -> Error {
        self.status = Some(status);
        self.retry_after = retry_after;
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same request may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Offline
                | ErrorKind::Refused
                | ErrorKind::Broken
                | ErrorKind::Timeout
                | ErrorKind::Busy
        )
    }

    /// One thing the user can do, where there is one.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self.kind {
            ErrorKind::Offline => {
                "check the network and the host name, or set HTTPS_PROXY and HTTP_PROXY if a proxy is needed"
            }
            ErrorKind::Refused | ErrorKind::Timeout => {
                "check that the host is reachable from here; behind a proxy set HTTPS_PROXY and HTTP_PROXY"
            }
            ErrorKind::Tls => {
                "if the network uses its own certificate authority, set SSL_CERT_FILE to a PEM bundle that contains it; \
                 a wrong clock gives the same error"
            }
            ErrorKind::Denied => "check the credentials for this address",
            ErrorKind::Busy => "try again later",
            _ => return None,
        })
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
