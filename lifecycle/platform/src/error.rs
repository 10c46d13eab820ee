//! The crate's error: what was being done, what kind of failure it is, and what the user can do.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use phases::detect::DetectFailure;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure; its text is what was being done, the cause hangs on `source()`.
pub struct Error {
    kind: ErrorKind,
    doing: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    help: Vec<String>,
    detection: Option<Box<DetectFailure>>,
}

/// What callers branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The source folder is absent, unreadable or holds something that cannot be copied.
    Source,
    /// A name, variable or option that makes no sense.
    Usage,
    /// A buildpack folder or an order that cannot be used.
    Buildpack,
    /// No image has that name.
    NoImage,
    /// The image has no such process, or nothing to start.
    NoProcess,
    /// No group fits the source; [`Error::detection`] says why.
    NotDetected,
    /// A phase ended with this exit code of the lifecycle.
    Phase { code: i32 },
    /// This machine allows no sandbox.
    Sandbox,
    /// `--offline`, or no network, and something would have to be downloaded.
    Offline,
    /// Trying again later may help.
    Transient,
    /// Bytes are not those that were promised.
    Integrity,
    /// The disk or the quota is full.
    NoSpace,
    /// Somebody else holds a lock.
    Busy,
    /// Permissions on files are missing.
    Denied,
    /// A server wants credentials, or other ones.
    Refused,
    /// The user asked to stop.
    Interrupted,
    /// Nothing else fits.
    Other,
}

impl Error {
    /// `doing` is one lower-case clause, without the cause.
    pub fn new(kind: ErrorKind, doing: impl Into<String>) -> Error {
        Error {
            kind,
            doing: doing.into(),
            source: None,
            help: Vec::new(),
            detection: None,
        }
    }

    /// What failed, its kind and help found in the cause.
    pub(crate) fn about(
        cause: impl StdError + Send + Sync + 'static,
        doing: impl Into<String>,
    ) -> Error {
        let error = Error::new(kind_of(&cause), doing);
        advised(error, &cause).because(cause)
    }

    /// Hangs a cause on the error.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(cause.into());
        self
    }

    /// Adds one action that the user can take.
    #[must_use]
    pub fn help(mut self, action: impl Into<String>) -> Error {
        let action = action.into();
        if !self.help.contains(&action) {
            self.help.push(action);
        }
        self
    }

    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Error {
        self.kind = kind;
        self
    }

    /// Why no group fits.
    pub(crate) fn not_detected(failure: DetectFailure) -> Error {
        let kind = if failure.erred {
            ErrorKind::Phase { code: 21 }
        } else {
            ErrorKind::NotDetected
        };
        let mut error = Error::new(kind, "no buildpack group fits this source");
        error.detection = Some(Box::new(failure));
        error
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether this machine refused something that a sandbox needs, whatever the kind: the system's own reason may be
    /// missing permissions. Nothing has run in the sandbox then.
    pub(crate) fn is_refused_sandbox(&self) -> bool {
        let refused = |link: &(dyn StdError + 'static)| {
            let error = link.downcast_ref::<sandbox::Error>();
            error.is_some_and(|error| of_sandbox(error.kind()) == ErrorKind::Sandbox)
        };
        chain(self).any(refused)
    }

    /// Actions that the user can take, the most promising first.
    pub fn actions(&self) -> &[String] {
        &self.help
    }

    /// Every group that was tried, when no group fitted.
    pub fn detection(&self) -> Option<&DetectFailure> {
        self.detection.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("doing", &self.doing)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Says what was being done when something below failed; the kind is found in the cause.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: StdError + Send + Sync + 'static> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|cause| Error::about(cause, what))
    }
}

/// The deepest cause that says something definite: a full disk rather than the phase that met it.
fn kind_of(cause: &(dyn StdError + 'static)) -> ErrorKind {
    chain(cause)
        .map(own_kind)
        .filter(|kind| *kind != ErrorKind::Other)
        .last()
        .unwrap_or(ErrorKind::Other)
}

fn chain<'a>(
    cause: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(cause), |link| inner(*link))
}

/// An error that travels inside an `io::Error` is its cause, whatever `source()` says.
fn inner<'a>(link: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match link
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped),
        None => link.source(),
    }
}

fn own_kind(link: &(dyn StdError + 'static)) -> ErrorKind {
    if let Some(error) = link.downcast_ref::<Error>() {
        return error.kind;
    }
    if let Some(error) = link.downcast_ref::<io::Error>() {
        return of_io(error);
    }
    if let Some(error) = link.downcast_ref::<files::Error>() {
        return of_files(error.kind());
    }
    if let Some(error) = link.downcast_ref::<oci::Error>() {
        return of_oci(error.kind());
    }
    if let Some(error) = link.downcast_ref::<sandbox::Error>() {
        return of_sandbox(error.kind());
    }
    if let Some(error) = link.downcast_ref::<http::Error>() {
        return of_http(error);
    }
    if let Some(error) = link.downcast_ref::<phases::Error>() {
        return of_phases(error);
    }
    if let Some(error) = link.downcast_ref::<debian::Error>() {
        return of_debian(error.kind());
    }
    ErrorKind::Other
}

fn of_io(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        _ => ErrorKind::Other,
    }
}

fn of_files(kind: files::ErrorKind) -> ErrorKind {
    match kind {
        files::ErrorKind::NoSpace => ErrorKind::NoSpace,
        files::ErrorKind::Denied => ErrorKind::Denied,
        files::ErrorKind::Busy => ErrorKind::Busy,
        _ => ErrorKind::Other,
    }
}

fn of_oci(kind: oci::ErrorKind) -> ErrorKind {
    match kind {
        oci::ErrorKind::NoSpace => ErrorKind::NoSpace,
        oci::ErrorKind::Denied => ErrorKind::Denied,
        oci::ErrorKind::Busy => ErrorKind::Busy,
        oci::ErrorKind::Integrity => ErrorKind::Integrity,
        oci::ErrorKind::Transient => ErrorKind::Transient,
        _ => ErrorKind::Other,
    }
}

fn of_sandbox(kind: &sandbox::ErrorKind) -> ErrorKind {
    match kind {
        sandbox::ErrorKind::Unavailable { .. } => ErrorKind::Sandbox,
        _ => ErrorKind::Other,
    }
}

fn of_http(error: &http::Error) -> ErrorKind {
    match error.kind() {
        http::ErrorKind::Offline => ErrorKind::Offline,
        http::ErrorKind::Digest => ErrorKind::Integrity,
        http::ErrorKind::Denied => ErrorKind::Refused,
        _ if error.is_transient() => ErrorKind::Transient,
        _ => ErrorKind::Other,
    }
}

/// A phase's own failure; what lies below it (a full disk, say) comes later in the chain and is looked at first.
fn of_phases(error: &phases::Error) -> ErrorKind {
    ErrorKind::Phase { code: error.code() }
}

fn of_debian(kind: debian::ErrorKind) -> ErrorKind {
    match kind {
        debian::ErrorKind::Untrusted => ErrorKind::Integrity,
        debian::ErrorKind::Network => ErrorKind::Transient,
        _ => ErrorKind::Other,
    }
}

/// Adds what the crates below know that the user can do.
fn advised(error: Error, cause: &(dyn StdError + 'static)) -> Error {
    chain(cause).flat_map(actions_of).fold(error, Error::help)
}

fn actions_of(link: &(dyn StdError + 'static)) -> Vec<String> {
    if let Some(error) = link.downcast_ref::<Error>() {
        return error.help.clone();
    }
    if let Some(error) = link.downcast_ref::<sandbox::Error>()
        && let sandbox::ErrorKind::Unavailable { fix, .. } = error.kind()
    {
        return vec![
            fix.clone(),
            "`slipway doctor` shows what this machine allows".to_owned(),
        ];
    }
    if let Some(error) = link.downcast_ref::<http::Error>() {
        return error.help().map(str::to_owned).into_iter().collect();
    }
    if let Some(error) = link.downcast_ref::<debian::Error>() {
        return error.help().map(str::to_owned).into_iter().collect();
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_found_however_deep_it_lies() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error: Result<()> =
            Err(oci::Error::io("writing a blob", full)).doing("exporting the image");
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert_eq!(error.to_string(), "exporting the image");
    }

    #[test]
    fn a_refused_sandbox_is_known_below_any_other_kind() {
        let nowhere = std::path::Path::new("/proc/self/fdinfo");
        let refused: Result<()> =
            sandbox::probe::keeps_changes(nowhere).doing("trying what an overlay needs");
        assert!(refused.unwrap_err().is_refused_sandbox());
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let denied: Result<()> = Err(denied).doing("looking");
        assert!(!denied.unwrap_err().is_refused_sandbox());
    }

    #[test]
    fn what_nothing_says_stays_other() {
        let failed: std::result::Result<(), _> = Err(io::Error::other("odd"));
        assert_eq!(
            failed.doing("looking").unwrap_err().kind(),
            ErrorKind::Other
        );
    }
}
