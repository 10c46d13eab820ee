//! Why a process did not start, in the words and with the exit codes of the Go launcher.

use std::fmt;

/// The result of a step of the launch.
pub type Result<T> = std::result::Result<T, Error>;

/// What callers branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `CNB_PLATFORM_API` is missing, does not parse or is not supported.
    PlatformApi,
    /// metadata.toml cannot be read.
    Metadata,
    /// A buildpack's API does not parse or is not supported.
    BuildpackApi,
    /// Neither a process nor a command was asked for.
    NoCommand,
    /// The process type exists, but not in this execution environment.
    TypeNotFound,
    /// The buildpack of the process is not listed.
    UnknownBuildpack,
    /// The process has no command.
    EmptyCommand,
    /// The environment of a layer cannot be read.
    Environment,
    /// A program in `exec.d` failed.
    ExecD,
    /// Profile scripts cannot be listed.
    Profiles,
    /// The command is not there.
    PathLookup,
    /// The app or working directory is not there.
    ChangeDirectory,
    /// The program could not be started.
    Exec,
}

/// Why a process did not start.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Error {
        Error {
            kind,
            what: what.into(),
        }
    }

    /// Returns what callers branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the launcher's exit status.
    ///
    /// Spec: platform.md, "Launcher", "Exit Code".
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::PlatformApi => 11,
            ErrorKind::Metadata => 1,
            ErrorKind::BuildpackApi => 12,
            _ => 82,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exit_code() {
            82 => write!(f, "failed to launch: {}", self.what),
            _ => write!(f, "failed to {}", self.what),
        }
    }
}

impl std::error::Error for Error {}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    fn context(self, kind: ErrorKind, doing: &str) -> Result<T>;
}

impl<T> Context<T> for std::result::Result<T, String> {
    fn context(self, kind: ErrorKind, doing: &str) -> Result<T> {
        self.map_err(|what| Error::new(kind, format!("{doing}: {what}")))
    }
}

/// Prints an operating system's error as Go does: without a number, beginning with a small letter.
pub(crate) fn go_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
