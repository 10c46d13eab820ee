//! system.toml: buildpacks that the platform puts before and after every group.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BuildpackId, Result, toml_file};

/// Buildpacks that go before and after every group.
///
/// Spec: platform.md, "system.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SystemToml {
    pub pre: SystemBuildpacks,
    pub post: SystemBuildpacks,
}

/// Buildpacks of one side.
///
/// Spec: platform.md, "system.toml": `[system.pre]`, `[system.post]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SystemBuildpacks {
    pub buildpacks: Vec<SystemBuildpack>,
}

/// One buildpack.
///
/// Spec: platform.md, "system.toml": `[[system.pre.buildpacks]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SystemBuildpack {
    pub id: BuildpackId,
    pub version: String,
    /// The Go lifecycle ignores it, the spec has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct File {
    system: SystemToml,
}

impl SystemToml {
    /// Reads system.toml.
    pub fn parse(text: &str, file: &Path) -> Result<SystemToml> {
        Ok(toml_file::read::<File>(text, file)?.system)
    }

    /// Prints system.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(&File {
            system: self.clone(),
        })
    }
}
