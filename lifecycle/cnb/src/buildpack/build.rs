//! build.toml: what `bin/build` says about the build.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BomEntry, BuildpackPlan, Result, toml_file};

/// Requirements that the buildpack did not meet.
///
/// Spec: buildpack.md, "build.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildToml {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bom: Vec<BomEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<Unmet>,
}

/// A requirement left to a later buildpack.
///
/// Spec: buildpack.md, "build.toml (TOML)": `[[unmet]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Unmet {
    pub name: String,
}

impl BuildToml {
    /// Reads build.toml; `plan` is what the buildpack was asked for.
    pub fn parse(text: &str, file: &Path, plan: &BuildpackPlan) -> Result<BuildToml> {
        let _ = plan;
        toml_file::read(text, file)
    }

    /// Prints build.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
