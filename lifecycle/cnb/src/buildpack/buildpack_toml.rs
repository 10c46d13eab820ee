//! buildpack.toml: a component buildpack, or a composite one (with an order and no programs).

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BuildpackId, OrderGroup, Result, Target, toml_file};

/// A buildpack's description.
///
/// Spec: buildpack.md, "buildpack.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildpackToml {
    /// As written; see [`BuildpackToml::buildpack_api`].
    pub api: String,
    pub buildpack: BuildpackInfo,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<OrderGroup>,
    /// After inference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
}

/// Who the buildpack is.
///
/// Spec: buildpack.md, "buildpack.toml (TOML)": `[buildpack]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BuildpackInfo {
    pub id: BuildpackId,
    pub name: String,
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clear_env: bool,
    /// Media types, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sbom_formats: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exec_env: Vec<String>,
}

/// A stack that the buildpack runs on (deprecated).
///
/// Spec: buildpack.md, "buildpack.toml (TOML)": `[[stacks]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Stack {
    pub id: String,
}

impl BuildpackToml {
    /// Reads buildpack.toml; `bin` are the names in the folder `bin` beside it, from which targets are guessed
    /// when none are declared.
    pub fn parse(text: &str, file: &Path, bin: &[String]) -> Result<BuildpackToml> {
        let _ = bin;
        toml_file::read(text, file)
    }

    /// Reads the version of the Buildpack API that it declares.
    pub fn buildpack_api(&self) -> Result<crate::BuildpackApi> {
        self.api.parse()
    }

    /// Says whether it has an order instead of programs.
    pub fn is_composite(&self) -> bool {
        !self.order.is_empty()
    }
}
