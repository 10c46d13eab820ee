//! Texts that other programs grep for, word for word those of the Go lifecycle. Nowhere else.

pub const NO_GROUP_PASSED: &str = "No buildpack groups passed detection.";
pub const CHECK_PATH: &str = "Please check that you are running against the correct path.";
