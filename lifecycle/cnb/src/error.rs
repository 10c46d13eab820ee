//! The crate's one error: which file, where in it, and what is wrong there.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of reading one file or name.
pub type Result<T> = std::result::Result<T, Error>;

/// What callers branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no TOML (or JSON).
    Syntax,
    /// A value has another type than its key wants.
    Type,
    /// The file is larger, deeper or richer in tables than we read.
    TooLarge,
    /// A name, type or version that its grammar does not allow.
    Name,
    /// An API version that does not parse.
    ApiSyntax,
    /// An API version outside the supported range.
    ApiUnsupported,
    /// `launch.toml`: `direct` is not a key from Buildpack API 0.9 on.
    DirectNotSupported,
    /// `launch.toml`: more than one default process.
    MultipleDefaults,
    /// `<layer>.toml`: `launch`, `build` or `cache` outside of `[types]`.
    TypesAtTopLevel,
    /// `build.toml`: an `[[unmet]]` entry without a name.
    UnmetNameRequired,
    /// `build.toml`: an `[[unmet]]` entry that nobody asked for.
    UnmetNotRequested,
    /// A bill-of-materials entry with a `version` outside of its metadata.
    BomTopLevelVersion,
    /// A value that has no JSON form (a float that is not finite).
    NotJson,
}

/// Where in a file something is: the line counts from 1, the key is dotted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: Option<usize>,
    pub(crate) key: String,
}

/// A file or name that cannot be read.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    file: Option<PathBuf>,
    place: Place,
    what: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Error {
        Error {
            kind,
            file: None,
            place: Place::default(),
            what: what.into(),
        }
    }

    pub(crate) fn in_file(mut self, file: &Path) -> Error {
        self.file = Some(file.to_path_buf());
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Error {
        self.place = place;
        self
    }

    /// Returns what callers branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the file, as it was named by the caller.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns the line of the file, counted from 1.
    pub fn line(&self) -> Option<usize> {
        self.place.line
    }

    /// Returns the dotted key, empty when the error is about the whole file.
    pub fn key(&self) -> &str {
        &self.place.key
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "reading {}: ", file.display())?;
        }
        if let Some(line) = self.place.line {
            write!(f, "line {line}: ")?;
        }
        if !self.place.key.is_empty() {
            write!(f, "key '{}': ", self.place.key)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
