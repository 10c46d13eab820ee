//! The `io.buildpacks.*` labels of app images as JSON, byte for byte as the Go lifecycle writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BomEntry, GroupElement, Process, ProjectMetadata, RunImageNames, StackToml};
use crate::{PlatformApi, Result, StoreToml};

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

/// Which layers an app image has.
///
/// Spec: platform.md, "Labels": `io.buildpacks.lifecycle.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct LifecycleMetadata {
    pub app: Vec<LayerSha>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sbom: Option<LayerSha>,
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
    /// What the buildpack wrote under `[metadata]`; `None` when it wrote nothing.
    pub data: Option<toml::Value>,
    pub build: bool,
    pub launch: bool,
    pub cache: bool,
}

/// The run image below the app's layers.
///
/// Spec: platform.md, "Labels": `runImage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RunImageLabel {
    #[serde(alias = "topLayer")]
    pub top_layer: String,
    pub reference: String,
    #[serde(flatten)]
    pub names: RunImageNames,
}

/// What a cache holds.
///
/// Spec: none; the Go lifecycle's `io.buildpacks.lifecycle.cache.metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
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
    /// Reads the label; `None` when it does not decode, which counts as an image without metadata.
    pub fn from_json(text: &str) -> Result<LifecycleMetadata> {
        let _ = text;
        todo!()
    }

    /// Prints the label.
    pub fn to_json(&self) -> Result<String> {
        todo!()
    }
}

impl CacheMetadata {
    /// Reads the label or file.
    pub fn from_json(text: &str) -> Result<CacheMetadata> {
        let _ = text;
        todo!()
    }

    /// Prints the label or file.
    pub fn to_json(&self) -> Result<String> {
        todo!()
    }
}

impl BuildMetadata {
    /// Prints the label.
    pub fn to_json(&self, api: PlatformApi) -> Result<String> {
        let _ = api;
        todo!()
    }
}

/// Prints the label `io.buildpacks.project.metadata`.
pub fn project_metadata(project: &ProjectMetadata) -> Result<String> {
    let _ = project;
    todo!()
}
