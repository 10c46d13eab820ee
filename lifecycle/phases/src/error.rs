//! What can go wrong in the phases, with the exit code of the lifecycle.

use std::fmt;

use crate::Phase;
use crate::detect::DetectFailure;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a phase. Its text says what was being done; causes hang on `source()`.
pub struct Error {
    kind: ErrorKind,
    code: i32,
    doing: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    buildpack: Option<String>,
    failure: Option<Box<DetectFailure>>,
}

/// What callers and tests tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file that a phase needs is missing, unreadable or no TOML.
    Inputs,
    /// A module declares a Buildpack API that is not supported.
    BuildpackApi,
    /// A buildpack of the order or group is not there.
    ModuleNotFound,
    /// No group passed.
    NotDetected,
    /// No group passed and a buildpack failed with an error.
    BuildpackErred,
    /// A composite buildpack contains itself, or the order is nested too deeply.
    Cycle,
    /// The search for a group or a plan was given up.
    TooManyTrials,
    /// A program could not be started.
    Start,
    /// A buildpack's `bin/build` failed.
    BinBuild,
    /// `launch`, `build` or `cache` stand at the top level of a layer's file.
    TypesAtTopLevel,
    /// An `[[unmet]]` entry has no name.
    UnmetWithoutName,
    /// An `[[unmet]]` entry names what was not asked for.
    UnmetNotRequested,
    /// Two processes of one launch.toml are the default.
    MultipleDefaults,
    /// `direct` is no key from Buildpack API 0.9 on.
    DirectNotSupported,
    /// A `[[bom]]` entry has a version at its top level.
    BomVersion,
    /// An SBOM file in a format that the buildpack does not declare.
    SbomUndeclared,
    /// A declared SBOM media type that does not parse.
    SbomMediaType,
    /// An SBOM file in a format nobody knows.
    SbomUnsupported,
    /// A layer that is not wanted could not be renamed.
    RenameLayer,
    /// A file of a buildpack that is no TOML, or not of its format.
    Format,
    /// A file of a buildpack that may not be read: not regular, too large, behind a link.
    Refused,
    /// A layer to be reused that the previous image has no metadata of.
    ReuseWithoutMetadata,
    /// A layer to be reused that the previous image does not have.
    ReuseWithoutLayer,
    /// A cached layer without contents.
    CacheWithoutContents,
    /// A layer's file that can't be read at export.
    MalformedLayer,
    /// The process type wanted as default is not there.
    UnknownProcessType,
    /// A process type without a name, or with a forbidden character.
    ProcessType,
    /// A slice with a malformed pattern.
    Slice,
    /// There is no run image.
    NoRunImage,
    /// The result of an image extension is not usable.
    Extension,
    /// The folder of the cache is not there.
    CacheDir,
    /// A cached tar that does not read as one, or does not fit what is there.
    CachedTar,
    /// A cached tar with something else in it than folders, files and symbolic links.
    CachedType,
    /// The cached SBOM layer is not there.
    CachedSbom,
    /// An image could not be read or written.
    Image,
    /// A file could not be read or written.
    Io,
}

impl Error {
    pub fn new(kind: ErrorKind, doing: impl Into<String>) -> Self {
        Self {
            kind,
            code: own_code(kind).unwrap_or(1),
            doing: doing.into(),
            source: None,
            buildpack: None,
            failure: None,
        }
    }

    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// Gives the error the exit code of a phase, unless its kind has one of its own.
    #[must_use]
    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.code = own_code(self.kind).unwrap_or(match phase {
            Phase::Analyze => 32,
            Phase::Detect => 22,
            Phase::Restore => 42,
            Phase::Build => 52,
            Phase::Export => 62,
        });
        self
    }

    /// Names the buildpack that it is about, unless a more exact one is named.
    pub(crate) fn named(mut self, buildpack: &impl fmt::Display) -> Self {
        self.buildpack.get_or_insert_with(|| buildpack.to_string());
        self
    }

    pub(crate) fn not_detected(failure: DetectFailure) -> Self {
        let kind = if failure.erred {
            ErrorKind::BuildpackErred
        } else {
            ErrorKind::NotDetected
        };
        let mut error = Self::new(kind, crate::messages::NO_GROUP_PASSED);
        error.failure = Some(Box::new(failure));
        error
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The exit code of the lifecycle.
    ///
    /// Spec: platform.md, "Exit Codes".
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The buildpack that it is about, as `id@version`, when it is about one.
    pub fn buildpack(&self) -> Option<&str> {
        self.buildpack.as_deref()
    }

    /// Why no group passed, when that is the error.
    pub fn detect_failure(&self) -> Option<&DetectFailure> {
        self.failure.as_deref()
    }
}

/// The code of kinds that mean the same in every phase.
fn own_code(kind: ErrorKind) -> Option<i32> {
    match kind {
        ErrorKind::Inputs | ErrorKind::CacheDir => Some(1),
        ErrorKind::NoRunImage => Some(3),
        ErrorKind::BuildpackApi => Some(12),
        ErrorKind::NotDetected => Some(20),
        ErrorKind::BuildpackErred => Some(21),
        ErrorKind::Cycle | ErrorKind::TooManyTrials => Some(22),
        ErrorKind::BinBuild => Some(51),
        _ => None,
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
            .field("code", &self.code)
            .field("doing", &self.doing)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_ref()
            .map(|cause| &**cause as &(dyn std::error::Error + 'static))
    }
}
