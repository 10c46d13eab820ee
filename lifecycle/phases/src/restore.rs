//! Brings back what the last build left for this one.

use std::path::Path;

use cnb::Group;

use crate::{Context, Result};

/// What was brought back.
#[derive(Debug, Clone, Default)]
pub struct Restored {
    /// `<buildpack>:<layer>` of every layer whose metadata came back.
    pub metadata: Vec<String>,
    /// Likewise of every layer whose contents came back.
    pub contents: Vec<String>,
}

/// Writes `<layer>.toml` and `store.toml` of the last build, and unpacks cached layers.
///
/// `cache` is a folder of this machine that [`export`](crate::export::export) keeps up to date.
///
/// Spec: platform.md, "restorer".
pub fn restore(cx: &Context<'_>, analyzed: &cnb::Analyzed, group: &Group, cache: Option<&Path>) -> Result<Restored> {
    let _ = (cx, analyzed, group, cache);
    todo!()
}
