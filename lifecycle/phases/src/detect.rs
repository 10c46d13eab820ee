//! Which group of the order fits the application.

mod failure;

use cnb::{Group, Order, Plan, SystemToml};

pub use failure::{DetectFailure, ElementTrial, GroupTrial, Unmet, Verdict};

use crate::{Result, Workshop};

/// The group that passed.
#[derive(Debug, Clone)]
pub struct Detected {
    pub group: Group,
    pub plan: Plan,
    /// What became of every element of the group that passed, the skipped ones too.
    pub trial: GroupTrial,
}

/// Finds the first group of the order that fits the application.
///
/// When none fits, [`Error::detect_failure`](crate::Error::detect_failure) says why.
///
/// Spec: buildpack.md, "Detection"; platform.md, "detector".
pub fn detect(cx: &Workshop<'_>, order: &Order, system: &SystemToml) -> Result<Detected> {
    let _ = (cx, order, system);
    todo!()
}
