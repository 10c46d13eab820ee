//! project-metadata.toml: where the source came from.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{Result, toml_file};

/// Where the source came from.
///
/// Spec: platform.md, "project-metadata.toml".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ProjectMetadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<ProjectSource>,
}

/// Kind, version and place of the source.
///
/// Spec: platform.md, "project-metadata.toml": `[source]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ProjectSource {
    #[serde(rename = "type")]
    pub source_type: String,
    pub version: Table,
    pub metadata: Table,
}

impl ProjectMetadata {
    /// Reads project-metadata.toml.
    pub fn parse(text: &str, file: &Path) -> Result<ProjectMetadata> {
        toml_file::read(text, file)
    }

    /// Prints project-metadata.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
