//! group.toml: the buildpacks and extensions that passed detection.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BuildpackApi, BuildpackId, Result, toml_file};

/// Buildpacks and extensions that passed, in order.
///
/// Spec: platform.md, "group.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Group {
    #[serde(rename = "group")]
    pub buildpacks: Vec<GroupElement>,
    /// All have `extension` and `optional` set after reading.
    #[serde(rename = "group-extensions", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<GroupElement>,
}

/// One buildpack or extension, in group.toml, plan.toml (only id, version, extension) and metadata.toml.
///
/// Spec: platform.md, "group.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct GroupElement {
    pub id: BuildpackId,
    pub version: String,
    /// As written; see [`GroupElement::buildpack_api`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extension: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl GroupElement {
    /// Reads the version of the Buildpack API that it declares.
    pub fn buildpack_api(&self) -> Result<BuildpackApi> {
        self.api.parse()
    }
}

impl fmt::Display for GroupElement {
    /// `id@version`, as in messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.version)
    }
}

impl Group {
    /// Reads group.toml.
    pub fn parse(text: &str, file: &Path) -> Result<Group> {
        let mut group: Group = toml_file::read(text, file)?;
        for element in &mut group.extensions {
            element.extension = true;
            element.optional = true;
        }
        Ok(group)
    }

    /// Prints group.toml; that extensions are optional extensions goes without saying.
    pub fn to_toml(&self) -> String {
        let mut group = self.clone();
        for element in &mut group.extensions {
            element.extension = false;
            element.optional = false;
        }
        toml_file::write(&group)
    }
}
