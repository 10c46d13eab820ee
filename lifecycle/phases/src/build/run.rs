//! One buildpack: what it is given, its `bin/build`, what it leaves.
//!
//! Spec: buildpack.md, "Phase #3: Build".

use std::path::Path;

use cnb::{BuildpackPlan, Environment, ImageTarget, Stage};
use files::Dir;

use super::layer_dirs::{self, LayerDir};
use super::outputs::{self, Outputs};
use crate::inside::{Inside, failed};
use crate::modules::Module;
use crate::program::{execute, startable};
use crate::scratch::{Counter, Scratch};
use crate::{Command, Error, ErrorKind, Exit, Phase, Result, Workshop};

/// What all runs have in common.
pub(super) struct Bench<'a> {
    pub(super) cx: &'a Workshop<'a>,
    pub(super) inside: &'a Inside,
    /// `<layers>`.
    pub(super) layers: &'a Dir,
    /// Completed from the build image.
    pub(super) target: &'a ImageTarget,
    pub(super) counter: &'a Counter,
}

/// Runs one buildpack; `env` becomes what later buildpacks see.
pub(super) fn run(
    bench: &Bench<'_>,
    module: &Module,
    wanted: &BuildpackPlan,
    env: &mut Environment,
) -> Result<Outputs> {
    let name = bench.cx.dirs.layers.join(&module.element.folder);
    let beneath = Path::new(&module.element.folder);
    let folder = bench
        .layers
        .create_dir_all(beneath, 0o755)
        .map_err(|cause| failed("creating", &name, cause))?;
    let scratch = Scratch::new(bench.cx.dirs, bench.cx.scratch, bench.counter)?;
    let plan = scratch.write("plan.toml", &wanted.to_toml())?;
    start(bench, module, &name, &plan, scratch.name(), env)?;
    let layers = layer_dirs::collect(&folder, &name)?;
    add_to_environment(bench, &name, &layers, env)?;
    outputs::read(&folder, &name, module, wanted, &layers)
}

fn start(
    bench: &Bench<'_>,
    module: &Module,
    layers: &Path,
    plan: &Path,
    scratch: &Path,
    env: &Environment,
) -> Result<()> {
    let dirs = bench.cx.dirs;
    let command = Command {
        element: module.element.clone(),
        phase: Phase::Build,
        program: module.program("build"),
        args: [layers, &dirs.platform, plan].map(Into::into).into(),
        env: environment(bench, module, layers, plan, env)?
            .into_iter()
            .collect(),
        dir: dirs.app.clone(),
        writable: vec![dirs.app.clone(), layers.to_owned(), scratch.to_owned()],
    };
    let failed = || {
        Error::new(
            ErrorKind::BinBuild,
            format!("running bin/build of {}", module.element),
        )
    };
    let mut written = String::new();
    let exit =
        startable(bench.inside, &command).and_then(|()| execute(bench.cx, &command, &mut written));
    match exit {
        Ok(Exit::Code(0)) => Ok(()),
        Ok(exit) => Err(failed().because(exit.to_string())),
        Err(cause) => Err(failed().because(cause)),
    }
}

fn environment(
    bench: &Bench<'_>,
    module: &Module,
    layers: &Path,
    plan: &Path,
    env: &Environment,
) -> Result<Environment> {
    let dirs = bench.cx.dirs;
    let mut env = env.clone();
    if !module.clear_env {
        env.add_platform_env(&bench.inside.env_dir(&dirs.platform.join("env"))?);
    }
    env.add_build_config_env(&bench.inside.env_dir(&dirs.build_config.join("env"))?);
    env.set("CNB_BUILDPACK_DIR", &module.root);
    let api = module.api()?;
    if api.has_inputs_in_env() {
        env.set("CNB_PLATFORM_DIR", &dirs.platform);
        env.set("CNB_BP_PLAN_PATH", plan);
        env.set("CNB_LAYERS_DIR", layers);
    }
    if api.has_targets() {
        env.add_target(bench.target);
    }
    if api.has_exec_env() && !bench.cx.exec_env.is_empty() {
        env.set("CNB_EXEC_ENV", bench.cx.exec_env);
    }
    Ok(env)
}

/// Lets later buildpacks see the layers that are for building: one after the other, folders before variables (EV-5).
fn add_to_environment(
    bench: &Bench<'_>,
    name: &Path,
    layers: &[LayerDir],
    env: &mut Environment,
) -> Result<()> {
    let (inside, dirs) = (bench.inside, bench.cx.dirs);
    let within = [&*dirs.layers, &*dirs.app];
    for layer in layers.iter().filter(|layer| layer.types.build) {
        let layer = name.join(&layer.name);
        env.add_layer_root(Stage::Build, &layer, &|path| inside.exists(path));
        env.add_layer_env(&inside.env_dir_within(&layer.join("env"), &within)?);
        env.add_layer_env(&inside.env_dir_within(&layer.join("env.build"), &within)?);
    }
    Ok(())
}
