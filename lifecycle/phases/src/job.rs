//! A phase as the host orders it from the agent in the sandbox: `job.json` in, files and events out.

use std::path::{Path, PathBuf};

use cnb::{Environment, Group, ImageTarget, Metadata, Order, Plan, PlatformApi, SystemToml};
use serde::{Deserialize, Serialize};

use crate::detect::DetectFailure;
use crate::{Dirs, Events, Phase, Result, Runner};

/// One phase to run. No field can carry a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// `root` is `/` for the agent.
    pub dirs: Dirs,
    /// Platform API.
    pub api: String,
    /// `CNB_EXEC_ENV`, empty when it is not set.
    pub exec_env: String,
    pub target: ImageTarget,
    /// Existing folder for the results, as the agent sees it.
    pub results: PathBuf,
    /// Existing folder for plans, as the agent and the buildpacks see it.
    pub scratch: PathBuf,
    pub work: Work,
}

/// What is to be done. Files of the spec travel as their text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    Detect { order: String, system: String },
    Build { group: String, plan: String },
}

impl Work {
    pub fn detect(order: &Order, system: &SystemToml) -> Self {
        Self::Detect { order: order.to_toml(), system: system.to_toml() }
    }

    pub fn build(group: &Group, plan: &Plan) -> Self {
        Self::Build { group: group.to_toml(), plan: plan.to_toml() }
    }

    pub fn phase(&self) -> Phase {
        match self {
            Self::Detect { .. } => Phase::Detect,
            Self::Build { .. } => Phase::Build,
        }
    }
}

/// Runs a job in the agent. `environ` is the agent's own environment.
///
/// Leaves `group.toml` and `plan.toml`, or `metadata.toml`, or else `failure.json` in the folder for results.
pub fn run_job(job: &Job, environ: &Environment, runner: &dyn Runner, events: &dyn Events) -> Result<()> {
    let _ = (job, environ, runner, events);
    todo!()
}

/// How a job failed, as the agent tells the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Exit code of the lifecycle.
    pub code: i32,
    /// What was being done, then the causes.
    pub chain: Vec<String>,
    pub detect: Option<DetectFailure>,
}

/// Reads what a detect job left, as untrusted input. `results` is a folder of this machine.
pub fn detected(results: &Path) -> Result<(Group, Plan)> {
    let _ = results;
    todo!()
}

/// Reads what a build job left, likewise.
pub fn built(results: &Path, api: PlatformApi) -> Result<Metadata> {
    let _ = (results, api);
    todo!()
}

/// Reads how a job failed, likewise. `None` when it left nothing about that.
pub fn failure(results: &Path) -> Result<Option<Failure>> {
    let _ = results;
    todo!()
}
