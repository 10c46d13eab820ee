//! One run of `bin/detect`.
//!
//! Spec: buildpack.md, "Phase #1: Detection"; image_extension.md, "Detection".

use std::path::Path;

use cnb::{BuildPlan, Environment, ImageTarget};

use super::Verdict;
use crate::inside::{Inside, utf8};
use crate::limits::TOML_BYTES;
use crate::modules::Module;
use crate::program::{execute, startable};
use crate::scratch::{Counter, Scratch};
use crate::{Command, Error, ErrorKind, Exit, Phase, Result, Workshop};

const PASS: Exit = Exit::Code(0);
const FAIL: Exit = Exit::Code(100);

/// What came of one module's `bin/detect`.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) verdict: Verdict,
    pub(super) plan: BuildPlan,
    /// The end of what it wrote.
    pub(super) output: String,
}

impl Run {
    pub(super) fn broken(reason: impl Into<String>) -> Self {
        let verdict = Verdict::Broken {
            reason: reason.into(),
        };
        Self {
            verdict,
            plan: BuildPlan::default(),
            output: String::new(),
        }
    }
}

/// What all runs have in common.
pub(super) struct Bench<'a> {
    pub(super) cx: &'a Workshop<'a>,
    pub(super) inside: &'a Inside,
    /// Completed from the build image.
    pub(super) target: &'a ImageTarget,
    pub(super) counter: &'a Counter,
}

/// Runs one module's `bin/detect`; errors become its verdict.
pub(super) fn run(bench: &Bench<'_>, module: &Module) -> Run {
    let mut output = String::new();
    let outcome = attempt(bench, module, &mut output);
    let (verdict, plan) = outcome.unwrap_or_else(|error| {
        (
            Verdict::Broken {
                reason: chain(&error),
            },
            BuildPlan::default(),
        )
    });
    Run {
        verdict,
        plan,
        output,
    }
}

fn attempt(
    bench: &Bench<'_>,
    module: &Module,
    written: &mut String,
) -> Result<(Verdict, BuildPlan)> {
    let program = module.program("detect");
    if module.element.extension && !bench.inside.exists(&program) {
        return Ok((Verdict::Passed, prepared(bench, module)?));
    }
    let scratch = Scratch::new(bench.cx.dirs, bench.cx.scratch, bench.counter)?;
    let plan = scratch.write("plan.toml", "")?;
    let cx = bench.cx;
    let command = Command {
        element: module.element.clone(),
        phase: Phase::Detect,
        program,
        args: vec![cx.dirs.platform.clone().into(), plan.clone().into()],
        env: environment(bench, module, &plan)?.into_iter().collect(),
        dir: cx.dirs.app.clone(),
        writable: vec![scratch.name().to_owned()],
    };
    startable(bench.inside, &command)?;
    match execute(cx, &command, written)? {
        PASS => {}
        FAIL => return Ok((Verdict::Failed, BuildPlan::default())),
        exit => return Ok((Verdict::Erred { exit }, BuildPlan::default())),
    }
    let text = scratch.read("plan.toml", TOML_BYTES)?;
    let text = text.ok_or_else(|| {
        Error::new(
            ErrorKind::Format,
            format!("reading {}: it is gone", plan.display()),
        )
    })?;
    Ok((Verdict::Passed, parse(module, &utf8(text, &plan)?, &plan)?))
}

fn environment(bench: &Bench<'_>, module: &Module, plan: &Path) -> Result<Environment> {
    let dirs = bench.cx.dirs;
    let mut env = Environment::for_build(bench.cx.environ.clone());
    if !module.clear_env {
        env.add_platform_env(&bench.inside.env_dir(&dirs.platform.join("env"))?);
    }
    env.add_build_config_env(&bench.inside.env_dir(&dirs.build_config.join("env"))?);
    let own = if module.element.extension {
        "CNB_EXTENSION_DIR"
    } else {
        "CNB_BUILDPACK_DIR"
    };
    env.set(own, &module.root);
    let api = module.api()?;
    if api.has_inputs_in_env() {
        env.set("CNB_PLATFORM_DIR", &dirs.platform);
        env.set("CNB_BUILD_PLAN_PATH", plan);
    }
    if api.has_targets() {
        env.add_target(bench.target);
    }
    if api.has_exec_env() && !bench.cx.exec_env.is_empty() {
        env.set("CNB_EXEC_ENV", bench.cx.exec_env);
    }
    Ok(env)
}

/// The plan of an extension without `bin/detect`.
fn prepared(bench: &Bench<'_>, module: &Module) -> Result<BuildPlan> {
    let name = module.root.join("detect").join("plan.toml");
    match bench.inside.text(&name, TOML_BYTES)? {
        Some(text) => parse(module, &text, &name),
        None => Ok(BuildPlan::default()),
    }
}

fn parse(module: &Module, text: &str, file: &Path) -> Result<BuildPlan> {
    let doing = || format!("reading the build plan of {}", module.element);
    let plan = BuildPlan::parse(text, file)
        .map_err(|cause| Error::new(ErrorKind::Format, doing()).because(cause))?;
    let wrong = |what: &str| {
        Err(Error::new(
            ErrorKind::Format,
            format!("{}: {what}", doing()),
        ))
    };
    if plan.has_top_level_versions() {
        return wrong("`version` is no key of a requirement, `metadata.version` is (DE-8)");
    }
    if module.element.extension && plan.has_requires() {
        return wrong("an extension may not require anything (DE-8)");
    }
    Ok(plan)
}

/// An error with its causes, as one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
