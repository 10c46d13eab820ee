//! Texts that other programs grep for, word for word those of the Go lifecycle. Nowhere else.

pub const NO_GROUP_PASSED: &str = "No buildpack groups passed detection.";
pub const CHECK_PATH: &str = "Please check that you are running against the correct path.";

pub fn default_redefined(process_type: &str) -> String {
    format!("Warning: redefining the following default process type with a process not marked as default: {process_type}")
}

pub fn working_dir_ignored(process_type: &str) -> String {
    format!(
        "Warning: process working directory isn't supported in this buildpack api version. \
         Ignoring working directory for process '{process_type}'"
    )
}
