//! Who the sandboxed processes are outside: the caller, or in place of root an unprivileged id.

use std::path::Path;

use crate::Result;

/// The one id of the host that all processes in a sandbox have.
///
/// Host uid 0 is never mapped: with it mapped, a payload without any capability still wrote
/// `/proc/sys/kernel/core_pattern`. So a caller that is root lends its sandboxes an unprivileged id, and the
/// folders that a sandbox reads and writes belong to that id ([`HostId::give`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostId {
    pub uid: u32,
    pub gid: u32,
}

impl HostId {
    /// The caller's own id; as root the id remembered in `state/sandbox-id`, which is written on first use.
    pub fn current(state: &Path) -> Result<HostId> {
        let _ = state;
        todo!()
    }

    /// Makes the id the owner of a folder and everything in it, without following links.
    ///
    /// Does nothing unless the caller is root: what an ordinary user makes is its own already.
    pub fn give(&self, tree: &Path) -> Result<()> {
        let _ = tree;
        todo!()
    }
}
