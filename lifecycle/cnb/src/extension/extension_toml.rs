//! extension.toml: an image extension.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BuildpackId, Result, Target, exec_env, toml_file};

/// An extension's description.
///
/// Spec: image_extension.md, "extension.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ExtensionToml {
    /// As written; see [`ExtensionToml::buildpack_api`].
    pub api: String,
    pub extension: ExtensionInfo,
    /// After inference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
}

/// Who the extension is.
///
/// Spec: image_extension.md, "extension.toml (TOML)": `[extension]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ExtensionInfo {
    pub id: BuildpackId,
    pub name: String,
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clear_env: bool,
    /// Execution environments it is for; empty for all.
    #[serde(
        deserialize_with = "exec_env::names",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exec_env: Vec<String>,
}

impl ExtensionToml {
    /// Reads extension.toml; `bin` are the names in the folder `bin` beside it, from which targets are guessed
    /// when none are declared (DE-15).
    pub fn parse(text: &str, file: &Path, bin: &[String]) -> Result<ExtensionToml> {
        let mut extension: ExtensionToml = toml_file::read(text, file)?;
        if extension.targets.is_empty() {
            let is_program = |name: &String| name == "detect" || name == "generate";
            let target = if bin.iter().any(is_program) {
                Target::linux()
            } else {
                Target::default()
            };
            extension.targets.push(target);
        }
        Ok(extension)
    }

    /// Reads the version of the Buildpack API that it declares.
    pub fn buildpack_api(&self) -> Result<crate::BuildpackApi> {
        self.api.parse()
    }
}
