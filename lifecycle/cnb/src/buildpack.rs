//! Files that buildpacks are described by, read and write.
//!
//! Spec: buildpack.md, "Data Format".

mod bom;
mod build;
mod build_plan;
mod buildpack_toml;
mod exec_d;
mod launch;
mod layer;
mod store;

pub use bom::BomEntry;
pub use build::{BuildToml, Unmet};
pub use build_plan::{BuildPlan, PlanSections, Provide, Require};
pub use buildpack_toml::{BuildpackInfo, BuildpackToml, Stack};
pub use exec_d::parse_exec_d;
pub use launch::{Launch, Slice};
pub use layer::{LayerToml, LayerTypes};
pub use store::StoreToml;
