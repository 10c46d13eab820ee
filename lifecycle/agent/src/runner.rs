//! Each buildpack in a sandbox of its own, inside the one the agent is in.

use std::path::{Path, PathBuf};

use phases::{Command, Error, ErrorKind, Exit, Job, Phase, Result, Runner, Stream};
use sandbox::Limits;
use sandbox::nested::{self, Nested};

/// The job's folder; no buildpack sees it.
pub(crate) const JOB_FOLDER: &str = "/slipway";

/// The wheel store, and what a build has for it; there when the host knows that all buildpacks are ours.
const WHEELS: [&str; 2] = ["/slipway-wheels", "/slipway-made"];

/// The one buildpack that sees them.
const HAS_WHEELS: &str = "slipway/pip";

/// Tells the host, beside the results, that it may keep what a build has for the wheel store.
const SHARES: &str = "shares";

/// The one buildpack that may read the caller's settings of package indexes, which may hold credentials.
const READS_INDEX_SETTINGS: &str = "slipway/pip";

/// Runs buildpacks as the build user.
#[derive(Debug)]
pub(crate) struct InSandbox {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Only what a command names below these may be written to.
    pub(crate) read_only: Vec<PathBuf>,
    /// The platform's settings of package indexes.
    pub(crate) index_settings: PathBuf,
}

impl InSandbox {
    pub(crate) fn new(job: &Job, uid: u32, gid: u32) -> InSandbox {
        let dirs = &job.dirs;
        let read_only = [&dirs.layers, &dirs.app, &job.scratch];
        InSandbox {
            uid,
            gid,
            read_only: existing(read_only.map(PathBuf::clone)),
            index_settings: dirs.platform.join("slipway/pip"),
        }
    }

    fn surroundings(&self, command: &Command) -> Nested {
        let home = command.env.iter().find(|(name, _)| name == "HOME");
        let home = home
            .map(|(_, value)| PathBuf::from(value))
            .filter(|path| path.is_absolute());
        let secret =
            (command.element.id != READS_INDEX_SETTINGS).then(|| self.index_settings.clone());
        let [wheels, made] = WHEELS.map(PathBuf::from);
        let has_wheels = has_wheels(command);
        let shut = (!has_wheels).then(|| [wheels, made.clone()]);
        let made = has_wheels.then_some(made);
        Nested {
            uid: self.uid,
            gid: self.gid,
            read_only: self.read_only.clone(),
            writable: existing(command.writable.iter().cloned().chain(home).chain(made)),
            hidden: existing(
                std::iter::once(PathBuf::from(JOB_FOLDER))
                    .chain(secret)
                    .chain(shut.into_iter().flatten()),
            ),
            limits: Limits::default(),
        }
    }
}

impl Runner for InSandbox {
    fn run(&self, command: &Command, output: &(dyn Fn(Stream, &[u8]) + Sync)) -> Result<Exit> {
        let program = sandbox::Command {
            program: command.program.clone(),
            args: command.args.clone(),
            env: command.env.clone(),
            dir: command.dir.clone(),
        };
        let exit = nested::run(&self.surroundings(command), &program, &|stream, bytes| {
            output(told(stream), bytes);
        });
        match exit {
            Ok(sandbox::Exit::Code(code)) if code == i32::from(toolkit::SHARES) => shared(command),
            Ok(sandbox::Exit::Code(code)) => Ok(Exit::Code(code)),
            Ok(sandbox::Exit::Signal(signal)) => Ok(Exit::Signal(signal)),
            Err(error) => Err(Error::new(
                ErrorKind::Start,
                format!(
                    "starting {} of {}",
                    command.program.display(),
                    command.element
                ),
            )
            .because(error)),
        }
    }
}

fn has_wheels(command: &Command) -> bool {
    command.phase == Phase::Build && command.element.id == HAS_WHEELS
}

/// Notes what the buildpack says by its exit status, which is success if it may say so.
fn shared(command: &Command) -> Result<Exit> {
    let offered = WHEELS.iter().all(|path| Path::new(path).is_dir());
    if !offered || !has_wheels(command) {
        return Ok(Exit::Code(i32::from(toolkit::SHARES)));
    }
    let note = Path::new(JOB_FOLDER).join(SHARES);
    std::fs::write(&note, "").map_err(|cause| {
        let doing = format!("writing {}", note.display());
        Error::new(ErrorKind::Io, doing).because(cause)
    })?;
    Ok(Exit::Code(0))
}

fn told(stream: sandbox::Stream) -> Stream {
    match stream {
        sandbox::Stream::Stdout => Stream::Stdout,
        sandbox::Stream::Stderr => Stream::Stderr,
    }
}

/// A sandbox can only change what is there.
fn existing(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    paths
        .into_iter()
        .filter(|path| Path::exists(path))
        .collect()
}
