//! Files that the platform and the lifecycle exchange, and the labels of images.
//!
//! Spec: platform.md, "Data Format".

mod analyzed;
mod group;
pub mod labels;
mod metadata;
mod order;
mod plan;
mod project_metadata;
mod report;
mod run;
mod system;

pub use analyzed::{Analyzed, ImageId, RunImage};
pub use group::{Group, GroupElement};
pub use metadata::{Label, LaunchBuildpack, LaunchMetadata, Metadata, Process};
pub use order::{Order, OrderElement, OrderGroup};
pub use plan::{BuildpackPlan, Plan, PlanEntry};
pub use project_metadata::{ProjectMetadata, ProjectSource};
pub use report::{BuildReport, ImageReport, Report};
pub use run::{RunImageNames, RunToml, StackToml};
pub use system::{SystemBuildpack, SystemBuildpacks, SystemToml};
