//! launch.toml: what `bin/build` says about the start of the app.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BomEntry, BuildpackApi, Label, Process, Result, toml_file};

/// Labels, processes and slices that a buildpack contributes.
///
/// Spec: buildpack.md, "launch.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Launch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bom: Vec<BomEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// `buildpack_id` is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Process>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
}

/// Globs below the app directory whose files get a layer of their own.
///
/// Spec: buildpack.md, "launch.toml (TOML)": `[[slices]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Slice {
    pub paths: Vec<String>,
}

impl Launch {
    /// Reads launch.toml.
    pub fn parse(text: &str, file: &Path, api: BuildpackApi) -> Result<Launch> {
        let _ = api;
        toml_file::read(text, file)
    }

    /// Prints launch.toml for Buildpack API 0.9 and newer: commands as lists, all processes direct.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
