//! What this kernel allows, found by trying, and what to tell the user.

use serde::{Deserialize, Serialize};

use crate::HostId;

/// One row per thing that was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Such as `user namespace`.
    pub what: String,
    pub state: State,
    /// What was found: a version, a number, an errno in words.
    pub detail: String,
    /// One line that the user can act on; empty when all is well.
    pub fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Works,
    /// Missing, and the sandbox works without it.
    Reduced,
    /// Missing, and there is no sandbox without it.
    Refused,
}

impl Report {
    /// Whether builds can be isolated here.
    pub fn usable(&self) -> bool {
        self.rows.iter().all(|row| row.state != State::Refused)
    }
}

/// Tries everything a sandbox needs, in a process of its own, as the given id.
pub fn probe(host: &HostId) -> Report {
    let _ = host;
    todo!()
}

pub(crate) fn in_helper(host: HostId) -> Report {
    let _ = host;
    todo!()
}
