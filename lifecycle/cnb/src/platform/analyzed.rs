//! analyzed.toml: what the analyzer found out about images.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::labels::LifecycleMetadata;
use crate::{ImageTarget, Result, toml_file};

/// What exists: previous image, its layers, run image.
///
/// Spec: platform.md, "analyzed.toml".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Analyzed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_image: Option<ImageId>,
    pub metadata: LifecycleMetadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_image: Option<RunImage>,
}

/// An image: reference with digest, id in a daemon, or path of a layout.
///
/// Spec: platform.md, "analyzed.toml": `[image]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ImageId {
    pub reference: String,
}

/// The run image.
///
/// Spec: platform.md, "analyzed.toml": `[run-image]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct RunImage {
    pub reference: String,
    /// The name by which it was chosen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Whether extensions are to be applied to it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extend: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<ImageTarget>,
}

impl Analyzed {
    /// Reads analyzed.toml.
    pub fn parse(text: &str, file: &Path) -> Result<Analyzed> {
        toml_file::read(text, file)
    }

    /// Prints analyzed.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
