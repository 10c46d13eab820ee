//! One buildpack in a sandbox of its own, inside the agent's.

use std::path::PathBuf;

use crate::{Command, Exit, Limits, Result, Stream};

/// How one buildpack's surroundings differ from the agent's.
///
/// It always has its own processes, a fresh `/proc`, no capabilities, no new privileges, no user namespaces,
/// Landlock and seccomp. What neither list below names keeps the state it has for the agent.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Nested {
    pub uid: u32,
    pub gid: u32,
    /// Folders and files that may only be read, such as `/layers`; absolute, existing.
    #[serde(with = "crate::bytes")]
    pub read_only: Vec<PathBuf>,
    /// Exceptions beneath `read_only`, such as `/layers/<buildpack>`; absolute, existing.
    #[serde(with = "crate::bytes")]
    pub writable: Vec<PathBuf>,
    /// Mount points of the agent that are not there any more, such as `/slipway`.
    #[serde(with = "crate::bytes")]
    pub hidden: Vec<PathBuf>,
    pub limits: Limits,
}

/// Runs a program to its end and kills whatever it leaves behind.
///
/// `output` gets every piece as it comes, from two threads, one per stream. Several may run at the same time.
pub fn run(
    nested: &Nested,
    command: &Command,
    output: &(dyn Fn(Stream, &[u8]) + Sync),
) -> Result<Exit> {
    let _ = (nested, command, output);
    todo!()
}
