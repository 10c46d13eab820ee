//! store.toml: what a buildpack keeps from build to build.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{Result, toml_file};

/// What a buildpack keeps from build to build.
///
/// Spec: buildpack.md, "store.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct StoreToml {
    pub metadata: Table,
}

impl StoreToml {
    /// Reads store.toml.
    pub fn parse(text: &str, file: &Path) -> Result<StoreToml> {
        toml_file::read(text, file)
    }

    /// Prints store.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
