//! What phases are given besides their subject.

use std::path::Path;

use cnb::{Environment, ImageTarget, PlatformApi};

use crate::{Dirs, Events, Runner};

/// For the phases that run nothing of others: analyze, restore, export.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub dirs: &'a Dirs,
    pub api: PlatformApi,
    pub events: &'a dyn Events,
}

/// For the phases that run buildpacks: detect and build. Nothing in it can carry a credential of a registry.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    pub dirs: &'a Dirs,
    pub api: PlatformApi,
    /// The lifecycle's own environment; buildpacks get the variables of the allow-list from it.
    pub environ: &'a Environment,
    /// `CNB_EXEC_ENV`, empty when it is not set.
    pub exec_env: &'a str,
    /// What the run image is; all empty when nobody knows.
    pub target: &'a ImageTarget,
    /// Name of an existing folder for plans; what is made there is removed again.
    pub scratch: &'a Path,
    pub runner: &'a dyn Runner,
    pub events: &'a dyn Events,
}
