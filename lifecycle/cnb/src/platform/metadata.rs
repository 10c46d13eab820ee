//! metadata.toml: what the builder leaves for the exporter and the launcher.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::GroupElement;
use crate::{PlatformApi, Result, Slice, toml_file};

/// What the build phase found out; in the image at `<layers>/config/metadata.toml`.
///
/// Spec: platform.md, "metadata.toml".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Metadata {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bom: Vec<BomEntry>,
    pub buildpacks: Vec<GroupElement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<GroupElement>,
    pub labels: Vec<Label>,
    pub processes: Vec<Process>,
    pub slices: Vec<Slice>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub buildpack_default_process_type: String,
}

/// Something the launcher can start.
///
/// Spec: platform.md, "metadata.toml": `[[processes]]`; buildpack.md, "launch.toml": `[[processes]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Process {
    #[serde(rename = "type")]
    pub process_type: String,
    /// The program and arguments that are always given to it.
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub direct: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    pub buildpack_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exec_env: Vec<String>,
}

/// An image label that a buildpack asks for.
///
/// Spec: buildpack.md, "launch.toml": `[[labels]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Label {
    pub key: String,
    pub value: String,
}

/// An entry of the unstructured bill of materials (deprecated since Buildpack API 0.7, still read).
///
/// Spec: buildpack.md of API 0.6, "launch.toml": `[[bom]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BomEntry {
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    pub metadata: Table,
    pub buildpack: GroupElement,
}

impl Metadata {
    /// Reads metadata.toml; below Platform API 0.10 further words of a command become arguments.
    pub fn parse(text: &str, file: &Path, api: PlatformApi) -> Result<Metadata> {
        let _ = api;
        toml_file::read(text, file)
    }

    /// Prints metadata.toml.
    pub fn to_toml(&self, api: PlatformApi) -> String {
        let _ = api;
        toml_file::write(self)
    }
}
