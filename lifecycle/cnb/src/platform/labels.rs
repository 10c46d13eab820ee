//! The `io.buildpacks.*` labels of app images and of the cache.
//!
//! As JSON byte for byte as the Go lifecycle writes them, with one exception: a float without fraction keeps its
//! `.0`, so that the next build does not take it for an integer.

mod json;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{GroupElement, Process, ProjectMetadata, StackToml};
use crate::{BomEntry, PlatformApi, Result, StoreToml};

/// Label of the layers of an app image.
pub const LIFECYCLE_METADATA: &str = "io.buildpacks.lifecycle.metadata";
/// Label of the buildpacks and processes of an app image.
pub const BUILD_METADATA: &str = "io.buildpacks.build.metadata";
/// Label of the source of an app image.
pub const PROJECT_METADATA: &str = "io.buildpacks.project.metadata";
/// Label of the execution environment of an app image.
pub const EXEC_ENV: &str = "io.buildpacks.exec-env";
/// Label of the layers of a cache image, and name of the file in a cache directory.
pub const CACHE_METADATA: &str = "io.buildpacks.lifecycle.cache.metadata";

/// Which layers an app image has. As TOML (with other keys) also `[metadata]` of analyzed.toml.
///
/// Spec: platform.md, "Labels": `io.buildpacks.lifecycle.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct LifecycleMetadata {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub app: Vec<LayerSha>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sbom: Option<LayerSha>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buildpacks: Vec<BuildpackLayers>,
    pub config: LayerSha,
    pub launcher: LayerSha,
    pub process_types: LayerSha,
    #[serde(alias = "runImage")]
    pub run_image: RunImageLabel,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackToml>,
}

/// A layer by its diff id (`sha256:…`), empty when there is none.
///
/// Spec: platform.md, "Labels": `sha`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct LayerSha {
    pub sha: String,
}

/// The layers and the store of one buildpack.
///
/// Spec: platform.md, "Labels": `buildpacks`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildpackLayers {
    /// The buildpack's id.
    pub key: String,
    pub version: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub layers: BTreeMap<String, LayerLabel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreToml>,
}

/// One layer of a buildpack.
///
/// Spec: platform.md, "Labels": `layers`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct LayerLabel {
    pub sha: String,
    pub build: bool,
    pub launch: bool,
    pub cache: bool,
    /// What the buildpack wrote under `[metadata]`; `None` when it wrote nothing.
    #[serde(
        rename = "metadata",
        alias = "data",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<toml::Value>,
}

/// The run image below the app's layers.
///
/// Spec: platform.md, "Labels": `runImage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RunImageLabel {
    /// Diff id of its last layer.
    #[serde(alias = "topLayer")]
    pub top_layer: String,
    /// `repository@digest`; the bare hex id when it came from a daemon.
    pub reference: String,
    /// The name it was chosen by, from Platform API 0.12 on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
}

/// What a cache holds.
///
/// Spec: none; the Go lifecycle's `io.buildpacks.lifecycle.cache.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CacheMetadata {
    pub sbom: LayerSha,
    pub buildpacks: Vec<BuildpackLayers>,
}

/// Buildpacks and processes of an app image.
///
/// Spec: platform.md, "Labels": `io.buildpacks.build.metadata`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildMetadata {
    /// Written below Platform API 0.9 only.
    pub bom: Vec<BomEntry>,
    pub buildpacks: Vec<GroupElement>,
    pub extensions: Vec<GroupElement>,
    pub launcher: LauncherMetadata,
    pub processes: Vec<Process>,
    pub buildpack_default_process_type: String,
}

/// Version and source of the launcher.
///
/// Spec: platform.md, "Labels": `launcher`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LauncherMetadata {
    pub version: String,
    pub repository: String,
    pub commit: String,
}

impl LifecycleMetadata {
    /// Reads the label. Callers take an image whose label does not decode for one without metadata.
    pub fn from_json(text: &str) -> Result<LifecycleMetadata> {
        json::read(text)
    }

    /// Prints the label. Fails with [`crate::ErrorKind::NotJson`] when a buildpack's data holds `inf` or `nan`.
    pub fn to_json(&self) -> Result<String> {
        json::write(&json::Lifecycle::from(self))
    }

    /// Returns what is recorded of one buildpack.
    pub fn of(&self, id: &str) -> Option<&BuildpackLayers> {
        self.buildpacks.iter().find(|buildpack| buildpack.key == id)
    }
}

impl CacheMetadata {
    /// Reads the label or file; what follows the JSON is ignored.
    pub fn from_json(text: &str) -> Result<CacheMetadata> {
        json::read_first(text)
    }

    /// Prints the label or file. Fails with [`crate::ErrorKind::NotJson`] when a buildpack's data holds `inf` or `nan`.
    pub fn to_json(&self) -> Result<String> {
        json::write(&json::Cache::from(self))
    }

    /// Returns what is recorded of one buildpack.
    pub fn of(&self, id: &str) -> Option<&BuildpackLayers> {
        self.buildpacks.iter().find(|buildpack| buildpack.key == id)
    }
}

impl BuildMetadata {
    /// Reads the label.
    pub fn from_json(text: &str) -> Result<BuildMetadata> {
        json::build::read(text)
    }

    /// Prints the label; processes must be as they are for this platform ([`crate::Metadata::parse`]).
    ///
    /// Fails with [`crate::ErrorKind::NotJson`] when a buildpack's data holds `inf` or `nan`.
    pub fn to_json(&self, api: PlatformApi) -> Result<String> {
        json::write(&json::build::Build::new(self, api))
    }
}

/// Reads the label `io.buildpacks.project.metadata`.
pub fn project_metadata_from_json(text: &str) -> Result<ProjectMetadata> {
    json::read(text)
}

/// Prints the label `io.buildpacks.project.metadata`.
///
/// Fails with [`crate::ErrorKind::NotJson`] when the metadata hold `inf` or `nan`.
pub fn project_metadata(project: &ProjectMetadata) -> Result<String> {
    json::write(&json::build::Project::from(project))
}

/// Prints `sbom.legacy.json`: the unstructured bill of materials on one line, `null` when there is none.
///
/// Fails with [`crate::ErrorKind::NotJson`] when the metadata hold `inf` or `nan`.
pub fn legacy_bom(bom: &[BomEntry]) -> Result<String> {
    Ok(json::write(&json::build::bom(bom))? + "\n")
}
