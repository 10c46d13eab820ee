//! A phase as the host orders it from the agent in the sandbox: `job.json` in, files and events out.

use std::path::{Path, PathBuf};

use cnb::{Environment, Group, ImageTarget, Metadata, Order, Plan, PlatformApi, SystemToml};
use files::Dir;
use serde::{Deserialize, Serialize};

use crate::build::build;
use crate::detect::{DetectFailure, detect};
use crate::inside::{failed, utf8};
use crate::limits::{FAILURE_BYTES, TOML_BYTES};
use crate::write::replace;
use crate::{Dirs, Error, ErrorKind, Events, Phase, Result, Runner, Workshop};

const GROUP: &str = "group.toml";
const PLAN: &str = "plan.toml";
const METADATA: &str = "metadata.toml";
const FAILURE: &str = "failure.json";

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
        Self::Detect {
            order: order.to_toml(),
            system: system.to_toml(),
        }
    }

    pub fn build(group: &Group, plan: &Plan) -> Self {
        Self::Build {
            group: group.to_toml(),
            plan: plan.to_toml(),
        }
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
pub fn run_job(
    job: &Job,
    environ: &Environment,
    runner: &dyn Runner,
    events: &dyn Events,
) -> Result<()> {
    let name = job.dirs.on_disk(&job.results);
    let results = Dir::open(&name).map_err(|cause| failed("opening", &name, cause))?;
    let outcome = run(job, environ, runner, events, &results);
    if let Err(error) = &outcome {
        let json = serde_json::to_vec(&Failure::of(error));
        let json = json.map_err(|cause| {
            Error::new(ErrorKind::Format, format!("writing {FAILURE}")).because(cause)
        })?;
        replace(&results, Path::new(FAILURE), &json)?;
    }
    outcome
}

fn run(
    job: &Job,
    environ: &Environment,
    runner: &dyn Runner,
    events: &dyn Events,
    results: &Dir,
) -> Result<()> {
    let malformed =
        |cause: cnb::Error| Error::new(ErrorKind::Inputs, "reading the job").because(cause);
    let workshop = Workshop {
        dirs: &job.dirs,
        api: job.api.parse().map_err(malformed)?,
        environ,
        exec_env: &job.exec_env,
        target: &job.target,
        scratch: &job.scratch,
        runner,
        events,
    };
    match &job.work {
        Work::Detect { order, system } => {
            let order = Order::parse(order, Path::new("order.toml")).map_err(malformed)?;
            let system = SystemToml::parse(system, Path::new("system.toml")).map_err(malformed)?;
            let detected = detect(&workshop, &order, &system)?;
            replace(
                results,
                Path::new(GROUP),
                detected.group.to_toml().as_bytes(),
            )?;
            replace(results, Path::new(PLAN), detected.plan.to_toml().as_bytes())
        }
        Work::Build { group, plan } => {
            let group = Group::parse(group, Path::new(GROUP)).map_err(malformed)?;
            let plan = Plan::parse(plan, Path::new(PLAN)).map_err(malformed)?;
            let built = build(&workshop, &group, &plan)?;
            let text = built.metadata.to_toml(workshop.api);
            let text = text.map_err(|cause| {
                Error::new(ErrorKind::Format, format!("writing {METADATA}")).because(cause)
            })?;
            replace(results, Path::new(METADATA), text.as_bytes())
        }
    }
}

/// How a job failed, as the agent tells the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Exit code of the lifecycle.
    pub code: i32,
    /// What was being done, then the causes.
    pub chain: Vec<String>,
    /// The buildpack that failed, as `id@version`, when it is one that did.
    pub buildpack: Option<String>,
    pub detect: Option<DetectFailure>,
}

impl Failure {
    pub fn of(error: &Error) -> Self {
        let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
            error.source()
        });
        Self {
            code: error.code(),
            chain: chain.map(ToString::to_string).collect(),
            buildpack: error.buildpack().map(str::to_owned),
            detect: error.detect_failure().cloned(),
        }
    }
}

/// Reads what a detect job left, as untrusted input. `results` is a folder of this machine.
pub fn detected(results: &Path) -> Result<(Group, Plan)> {
    let file = |name| results.join(name);
    let group = Group::parse(&required(results, GROUP)?, &file(GROUP))
        .map_err(|cause| unusable(GROUP, cause))?;
    let plan = Plan::parse(&required(results, PLAN)?, &file(PLAN))
        .map_err(|cause| unusable(PLAN, cause))?;
    Ok((group, plan))
}

/// Reads what a build job left, likewise.
pub fn built(results: &Path, api: PlatformApi) -> Result<Metadata> {
    let text = required(results, METADATA)?;
    Metadata::parse(&text, &results.join(METADATA), api).map_err(|cause| unusable(METADATA, cause))
}

/// Reads how a job failed, likewise. `None` when it left nothing about that.
pub fn failure(results: &Path) -> Result<Option<Failure>> {
    let Some(text) = read(results, FAILURE, FAILURE_BYTES)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|cause| unusable(FAILURE, cause))
}

fn required(results: &Path, file: &str) -> Result<String> {
    read(results, file, TOML_BYTES)?.ok_or_else(|| {
        Error::new(
            ErrorKind::Io,
            format!("reading {file}: the agent left none"),
        )
    })
}

fn read(results: &Path, file: &str, limit: u64) -> Result<Option<String>> {
    let name = results.join(file);
    let dir = Dir::open(results).map_err(|cause| failed("opening", results, cause))?;
    let bytes = dir
        .read(Path::new(file), limit)
        .map_err(|cause| failed("reading", &name, cause))?;
    bytes.map(|bytes| utf8(bytes, &name)).transpose()
}

fn unusable(file: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Format, format!("reading the agent's {file}")).because(cause)
}
