//! What a program in `exec.d` writes to file descriptor 3: variables to set.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Result, toml_file};

/// Reads variables and their values, all strings; `file` is the program, for messages only.
///
/// Spec: buildpack.md, "exec.d".
pub fn parse_exec_d(text: &str, file: &Path) -> Result<BTreeMap<String, String>> {
    toml_file::read(text, file)
}
