//! The program of a buildpack: from arguments and environment to an exit status.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use cnb::{BuildToml, BuildpackPlan, BuildpackToml, Environment, StoreToml};

use crate::build::SHARES;
use crate::{
    BuildContext, Buildpack, Context, DetectContext, Detection, Failure, Log, Result, files,
};

/// `bin/detect` says with it: not for me.
const NOT_FOR_ME: u8 = 100;

/// How a buildpack's program was called.
#[derive(Debug, Clone)]
pub struct Call {
    /// The path by which the program was called, then its arguments.
    pub args: Vec<OsString>,
    pub env: Environment,
    /// The working directory: the application's source.
    pub dir: PathBuf,
    pub now: SystemTime,
}

/// Runs the buildpack that this process was started as: the one of `buildpacks` whose id is in buildpack.toml of
/// `CNB_BUILDPACK_DIR`, or of the folder above the called link's.
pub fn main_of(buildpacks: &[&dyn Buildpack]) -> ExitCode {
    let log = Log::default();
    match env::current_dir() {
        Ok(dir) => {
            let call = Call {
                args: env::args_os().collect(),
                env: Environment::new(env::vars_os()),
                dir,
                now: SystemTime::now(),
            };
            ExitCode::from(run(buildpacks, &call, &log))
        }
        Err(error) => {
            log.failure(&Failure::internal(
                "finding the application's folder",
                &error,
            ));
            ExitCode::FAILURE
        }
    }
}

/// Runs one buildpack's program and returns its exit status; everything it has to say is in the log.
pub fn run(buildpacks: &[&dyn Buildpack], call: &Call, log: &Log) -> u8 {
    match start(buildpacks, call, log) {
        Ok(code) => code,
        Err(failure) => {
            log.failure(&failure);
            failure.exit_code()
        }
    }
}

fn start(buildpacks: &[&dyn Buildpack], call: &Call, log: &Log) -> Result<u8> {
    let program = call.args.first().map(PathBuf::from).unwrap_or_default();
    let folder = buildpack_folder(call, &program);
    let (buildpack, descriptor) = choose(buildpacks, &folder)?;
    let context = Context {
        app: call.dir.clone(),
        platform: given(call, "CNB_PLATFORM_DIR", platform_position(&program))?,
        env: call.env.clone(),
        id: descriptor.buildpack.id.to_string(),
        version: descriptor.buildpack.version.clone(),
        now: call.now,
        log,
    };
    match program.file_name().and_then(OsStr::to_str) {
        Some("detect") => detect(buildpack, context, &given(call, "CNB_BUILD_PLAN_PATH", 2)?),
        Some("build") => build(
            buildpack,
            context,
            given(call, "CNB_LAYERS_DIR", 1)?,
            &given(call, "CNB_BP_PLAN_PATH", 3)?,
        ),
        _ => Err(Failure::new(
            "SLP-BLD-103",
            format!("{} is neither detect nor build", program.display()),
        )),
    }
}

fn detect(buildpack: &dyn Buildpack, context: Context<'_>, plan: &Path) -> Result<u8> {
    let log = context.log;
    match buildpack.detect(&DetectContext::new(context))? {
        Detection::Pass(offer) => {
            files::write(plan, offer.to_toml().as_bytes())?;
            Ok(0)
        }
        Detection::Fail { reason, help } => {
            log.headline(&reason);
            for line in help {
                log.headline(&format!("help: {line}"));
            }
            Ok(NOT_FOR_ME)
        }
    }
}

fn build(
    buildpack: &dyn Buildpack,
    context: Context<'_>,
    layers: PathBuf,
    plan: &Path,
) -> Result<u8> {
    let text = files::read_text(plan)?.unwrap_or_default();
    let plan = BuildpackPlan::parse(&text, plan)
        .map_err(|error| Failure::internal("reading the buildpack plan", &error))?;
    context
        .log
        .headline(&format!("{} {}", context.id, context.version));
    let built = buildpack.build(&BuildContext::new(context, layers.clone(), plan))?;
    let build = BuildToml {
        unmet: built.unmet,
        ..BuildToml::default()
    };
    let store = StoreToml {
        metadata: built.store,
    };
    write_unless_empty(&layers.join("launch.toml"), &built.launch.to_toml())?;
    write_unless_empty(&layers.join("build.toml"), &build.to_toml())?;
    if !store.metadata.is_empty() {
        files::write(&layers.join("store.toml"), store.to_toml().as_bytes())?;
    }
    Ok(if built.shares { SHARES } else { 0 })
}

fn write_unless_empty(path: &Path, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Ok(());
    }
    files::write(path, text.as_bytes())
}

/// `bin/detect` gets the platform folder first, `bin/build` second.
fn platform_position(program: &Path) -> usize {
    if program.ends_with("detect") { 1 } else { 2 }
}

/// An input: the variable of Buildpack API 0.8 and newer, else the argument.
fn given(call: &Call, variable: &str, position: usize) -> Result<PathBuf> {
    let value = call.env.get(OsStr::new(variable));
    let value = if value.is_empty() {
        call.args.get(position).map(OsString::as_os_str)
    } else {
        Some(value)
    };
    value.map(PathBuf::from).ok_or_else(|| {
        Failure::new(
            "SLP-BLD-104",
            format!("neither {variable} nor argument {position} is given"),
        )
        .help("this program is started by a CNB lifecycle")
    })
}

fn buildpack_folder(call: &Call, program: &Path) -> PathBuf {
    let folder = call.env.get(OsStr::new("CNB_BUILDPACK_DIR"));
    if folder.is_empty() {
        program.ancestors().nth(2).unwrap_or(program).to_owned()
    } else {
        PathBuf::from(folder)
    }
}

fn choose<'a>(
    buildpacks: &[&'a dyn Buildpack],
    folder: &Path,
) -> Result<(&'a dyn Buildpack, BuildpackToml)> {
    let file = folder.join("buildpack.toml");
    let text = files::read_text(&file)?.ok_or_else(|| {
        Failure::new("SLP-BLD-105", format!("{} does not exist", file.display()))
            .help("set CNB_BUILDPACK_DIR to the buildpack's folder, or call bin/detect or bin/build in it")
    })?;
    let wanted = parse(&text, &file)?.buildpack.id;
    for buildpack in buildpacks {
        let descriptor = parse(buildpack.descriptor(), Path::new("buildpack.toml"))?;
        if descriptor.buildpack.id == wanted {
            return Ok((*buildpack, descriptor));
        }
    }
    Err(Failure::new(
        "SLP-BLD-106",
        format!("{wanted} is not one of the buildpacks in this program"),
    )
    .at(file.display().to_string()))
}

fn parse(text: &str, file: &Path) -> Result<BuildpackToml> {
    let programs = ["detect".to_owned(), "build".to_owned()];
    BuildpackToml::parse(text, file, &programs)
        .map_err(|error| Failure::internal("reading buildpack.toml", &error))
}
