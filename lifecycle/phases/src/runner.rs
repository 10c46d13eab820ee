//! How a buildpack's program is run. Phases only describe it; what isolates it is given to them.

mod plain;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use plain::Plain;

use crate::{Phase, Result};

/// Starts one program and waits for its end. No process that it started is left afterwards.
///
/// `output` gets what the program writes, in pieces, from one thread per stream.
/// Fails when the program could not be started; that it failed is an [`Exit`].
pub trait Runner: Sync {
    fn run(&self, command: &Command, output: &(dyn Fn(Stream, &[u8]) + Sync)) -> Result<Exit>;
}

/// A buildpack or extension, as far as a runner has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Element {
    pub id: String,
    pub version: String,
    /// Buildpack API, as written in its descriptor.
    pub api: String,
    /// Its folder's name below `<layers>`: the id with `/` as `_`.
    pub folder: String,
    /// An image extension, not a buildpack.
    pub extension: bool,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

/// A program with all that it is given. Paths are names of the build environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub element: Element,
    pub phase: Phase,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The complete environment, sorted by name, each name once.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory.
    pub dir: PathBuf,
    /// Folders the program may write to; nothing else but the temporary folder needs to be.
    pub writable: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
