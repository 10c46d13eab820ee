//! What `bin/detect` writes: what a buildpack provides and requires, with alternatives.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{Result, toml_file};

/// One buildpack's offer: the first alternative, then the others.
///
/// Spec: buildpack.md, "Build Plan (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildPlan {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Provide>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Require>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<PlanSections>,
}

/// One alternative.
///
/// Spec: buildpack.md, "Build Plan (TOML)": `[[or]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PlanSections {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Provide>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Require>,
}

/// A dependency that the buildpack can provide.
///
/// Spec: buildpack.md, "Build Plan (TOML)": `[[provides]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Provide {
    pub name: String,
}

/// A dependency that the buildpack requires.
///
/// Spec: buildpack.md, "Build Plan (TOML)": `[[requires]]`; "Buildpack Plan (TOML)": `[[entries]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Require {
    pub name: String,
    /// Not allowed in a build plan; see [`BuildPlan::has_top_level_versions`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub metadata: Table,
}

impl BuildPlan {
    /// Reads a build plan. What it must not contain is for the detector to refuse, with the name of the buildpack.
    pub fn parse(text: &str, file: &Path) -> Result<BuildPlan> {
        toml_file::read(text, file)
    }

    /// Says whether any requirement has a version outside of its metadata, which is not allowed (DE-8).
    pub fn has_top_level_versions(&self) -> bool {
        self.all_requires()
            .any(|require| !require.version.is_empty())
    }

    /// Says whether anything is required, which is not allowed to extensions (DE-8).
    pub fn has_requires(&self) -> bool {
        self.all_requires().next().is_some()
    }

    fn all_requires(&self) -> impl Iterator<Item = &Require> {
        self.requires
            .iter()
            .chain(self.or.iter().flat_map(|sections| &sections.requires))
    }

    /// Prints a build plan.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
