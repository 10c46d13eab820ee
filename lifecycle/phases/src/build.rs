//! Runs the group's `bin/build` in order.

use cnb::{Group, Metadata, Plan};

use crate::{Result, Workshop};

/// What the buildpacks said about the application.
#[derive(Debug, Clone)]
pub struct Built {
    pub metadata: Metadata,
}

/// Builds: every buildpack of the group in order, each seeing the environment its predecessors made.
///
/// Writes `<layers>/config/metadata.toml` and `<layers>/sbom`.
///
/// Spec: platform.md, "builder"; buildpack.md, "Build".
pub fn build(cx: &Workshop<'_>, group: &Group, plan: &Plan) -> Result<Built> {
    let _ = (cx, group, plan);
    todo!()
}
