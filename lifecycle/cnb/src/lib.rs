//! Names and file formats of the Cloud Native Buildpacks spec: parse and print, nothing else.
//!
//! Reading is lenient (keys without regard to case, unknown keys ignored, TOML 1.1), writing strict. Every
//! format has `parse(text, file)`, where `file` is for messages only, and `to_toml()` when it is ever written.
//!
//! | file | type | spec |
//! |---|---|---|
//! | buildpack.toml, extension.toml | [`BuildpackToml`], [`ExtensionToml`] | buildpack.md, image_extension.md |
//! | order.toml, group.toml, plan.toml | [`Order`], [`Group`], [`Plan`] | platform.md |
//! | what `bin/detect` writes, what `bin/build` gets | [`BuildPlan`], [`BuildpackPlan`] | buildpack.md |
//! | launch.toml, build.toml, store.toml, `<layer>.toml` | [`Launch`], [`BuildToml`], [`StoreToml`], [`LayerToml`] | buildpack.md |
//! | metadata.toml, analyzed.toml, report.toml | [`Metadata`], [`Analyzed`], [`Report`] | platform.md |
//! | run.toml, stack.toml, system.toml | [`RunToml`], [`StackToml`], [`SystemToml`] | platform.md |
//! | project-metadata.toml | [`ProjectMetadata`] | platform.md |
//! | `io.buildpacks.*` labels | [`labels`] | platform.md |

mod api;
mod error;
mod exec_env;
mod limits;
mod name;
mod target;
pub mod toml_file;

pub mod buildpack;
mod env;
pub mod extension;
pub mod platform;

pub use api::{BuildpackApi, PlatformApi};
pub use buildpack::{
    BomEntry, BuildPlan, BuildToml, BuildpackInfo, BuildpackToml, Launch, LayerToml, LayerTypes,
    PlanSections, Provide, Require, Slice, Stack, StoreToml, Unmet, parse_exec_d,
};
pub use env::{EnvDir, Environment, Stage};
pub use error::{Error, ErrorKind, Result};
pub use exec_env::runs_in;
pub use extension::{ExtensionInfo, ExtensionToml};
pub use name::{BuildpackId, LayerName, ProcessType};
pub use platform::{
    Analyzed, BuildReport, BuildpackPlan, Group, GroupElement, ImageId, ImageReport, Label,
    LaunchBuildpack, LaunchMetadata, Metadata, Order, OrderElement, OrderGroup, Plan, PlanEntry,
    Process, ProjectMetadata, ProjectSource, Report, RunImage, RunImageNames, RunToml, StackToml,
    SystemBuildpack, SystemBuildpacks, SystemToml, labels,
};
pub use target::{Distro, ImageTarget, Target};
