//! `<layer>.toml`: what a layer directory is for.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::toml_file::{self, Document};
use crate::{ErrorKind, Result};

/// What a layer directory is for, and what the buildpack remembers of it.
///
/// Spec: buildpack.md, "Layer Content Metadata (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct LayerToml {
    /// All false: not written, which is how a restored layer looks to its buildpack.
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
    pub fn is_empty(&self) -> bool {
        *self == LayerTypes::default()
    }
}

impl LayerToml {
    /// Reads `<layer>.toml`.
    ///
    /// Fails with [`ErrorKind::TypesAtTopLevel`] when types lie outside of `[types]`, as before Buildpack API 0.6.
    pub fn parse(text: &str, file: &Path) -> Result<LayerToml> {
        let document = Document::parse(text, file)?;
        let layer = document.read()?;
        if ["build", "launch", "cache"]
            .into_iter()
            .any(|key| document.has_key(key))
        {
            let what = "the launch, cache and build flags should be in the types table";
            return Err(document.refuse(ErrorKind::TypesAtTopLevel, what));
        }
        Ok(layer)
    }

    /// Prints `<layer>.toml`.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
