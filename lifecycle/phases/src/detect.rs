//! Which group of the order fits the application.

mod failure;

pub use failure::{DetectFailure, ElementTrial, GroupTrial, Unmet, Verdict};
