//! report.toml: what was exported.

use serde::{Deserialize, Serialize};

use crate::{BomEntry, toml_file};

/// What was exported.
///
/// Spec: platform.md, "report.toml".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildReport>,
    pub image: ImageReport,
}

/// The bill of materials of the build, below Platform API 0.9 only.
///
/// Spec: platform.md of API 0.8, "report.toml": `[build]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildReport {
    pub bom: Vec<BomEntry>,
}

/// Names and identity of the image: an id in a daemon, a digest in a registry.
///
/// Spec: platform.md, "report.toml": `[image]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ImageReport {
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// In bytes; 0 is not written.
    #[serde(skip_serializing_if = "is_zero")]
    pub manifest_size: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(size: &u64) -> bool {
    *size == 0
}

impl Report {
    /// Prints report.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
