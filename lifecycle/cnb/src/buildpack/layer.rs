//! `<layer>.toml`: what a layer directory is for.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Result, toml_file};

/// What a layer directory is for, and what the buildpack remembers of it.
///
/// Spec: buildpack.md, "Layer Content Metadata (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct LayerToml {
    /// All false: not written.
    #[serde(skip_serializing_if = "LayerTypes::is_empty")]
    pub types: LayerTypes,
    /// Normally a table; the Go lifecycle takes anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<toml::Value>,
}

/// Where a layer is needed.
///
/// Spec: buildpack.md, "Layer Content Metadata (TOML)": `[types]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct LayerTypes {
    pub launch: bool,
    pub build: bool,
    pub cache: bool,
}

impl LayerTypes {
    /// Says whether the layer is needed nowhere.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub fn is_empty(&self) -> bool {
        *self == LayerTypes::default()
    }
}

impl LayerToml {
    /// Reads `<layer>.toml`.
    pub fn parse(text: &str, file: &Path) -> Result<LayerToml> {
        toml_file::read(text, file)
    }

    /// Prints `<layer>.toml`.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
