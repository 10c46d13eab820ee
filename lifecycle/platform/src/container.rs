//! One phase in the sandbox: the job goes in as a file, events come out on a pipe, results lie in files.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use phases::{Dirs, Job, Phase, job};
use sandbox::{
    Command, Exit, From, HostId, Io, Limits, Mount, Network, Root, Running, Sandbox, Stage,
};

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::Event;
use crate::host::Host;
use crate::output;
use crate::rootfs::Rootfs;
use crate::stop::interrupted;

/// Where the agent is inside.
const AGENT: &str = "/cnb/lifecycle/lifecycle";
/// Where the job lies inside.
pub(crate) const JOB: &str = "/slipway";
/// A line of the agent that is longer is not one of its events.
const LINE_BYTES: u64 = 1 << 20;
/// No build takes longer unless it hangs.
const LIMIT: Duration = Duration::from_hours(1);
const KILL: i32 = 9;

/// What the sandboxes of one build have in common.
pub(crate) struct Container<'a> {
    pub(crate) host: &'a Host<'a>,
    pub(crate) id: HostId,
    pub(crate) rootfs: &'a Rootfs,
    pub(crate) dirs: &'a Dirs,
    /// What is seen where the layers are.
    pub(crate) layers: From,
    /// The program `lifecycle` on this machine.
    pub(crate) lifecycle: &'a Path,
    /// Folder of this machine for job and results.
    pub(crate) job: &'a Path,
    /// What else is mounted.
    pub(crate) mounts: &'a [Mount],
    /// Build user of the build image.
    pub(crate) user: (u32, u32),
    pub(crate) env: &'a [(OsString, OsString)],
    /// Nothing may be fetched, not even by buildpacks.
    pub(crate) offline: bool,
}

impl Container<'_> {
    /// Runs a job to its end; its results are in the job folder then, and nothing inside lives any more.
    pub(crate) fn run(&self, job: &Job) -> Result<()> {
        let phase = job.work.phase();
        self.host.stop.check()?;
        self.order(job)?;
        let command = Command {
            program: AGENT.into(),
            args: vec!["agent".into()],
            env: self.env.to_vec(),
            dir: "/".into(),
        };
        let doing = || format!("starting the sandbox for {phase}");
        let mut running = self
            .sandbox(phase)
            .start(&self.id, &command, Io::Agent)
            .doing(doing())?;
        let events = running.events.take();
        let (said, last) = std::thread::scope(|scope| {
            let relay = scope.spawn(|| self.relay(events));
            let said = output::tails(&mut running, |running| self.wait(running));
            (said, relay.join().unwrap_or_default())
        });
        if self.host.stop.asked().is_some() {
            return Err(interrupted());
        }
        match said.exit.doing(format!("waiting for {phase}"))? {
            Exit::Code(0) => Ok(()),
            exit => Err(sharpened(self.failed(phase, exit, &said.text), last)),
        }
    }

    /// Writes the job where the agent finds it, in a folder that holds nothing else.
    fn order(&self, job: &Job) -> Result<()> {
        let doing = "handing the job to the sandbox";
        files::remove_tree(self.job).doing(doing)?;
        fs::create_dir(self.job).doing(doing)?;
        let bytes = serde_json::to_vec(job).doing(doing)?;
        fs::write(self.job.join("job.json"), bytes).doing(doing)?;
        self.id.give(self.job).doing(doing)
    }

    fn sandbox(&self, phase: Phase) -> Sandbox {
        let building = phase == Phase::Build;
        let bind = |from: PathBuf, at: &Path, writable| Mount {
            from: From::Bind(from),
            at: at.to_owned(),
            writable,
        };
        let own = |name: &PathBuf, writable| bind(self.dirs.on_disk(name), name, writable);
        let mut mounts = vec![
            own(&self.dirs.app, building),
            Mount {
                from: self.layers.clone(),
                at: self.dirs.layers.clone(),
                writable: true,
            },
            own(&self.dirs.platform, false),
            own(&self.dirs.buildpacks, false),
            bind(self.lifecycle.to_owned(), Path::new(AGENT), false),
            bind(self.job.to_owned(), Path::new(JOB), true),
        ];
        mounts.extend_from_slice(self.mounts);
        Sandbox {
            root: Root::ReadOnly {
                lower: self.rootfs.layers.clone(),
            },
            mounts,
            network: if building && !self.offline {
                Network::Host
            } else {
                Network::None
            },
            uid: self.user.0,
            gid: self.user.1,
            hostname: "slipway".to_owned(),
            limits: Limits::default(),
            stage: Stage::Agent,
        }
    }

    /// Everything inside is thrown away on a signal, so nothing inside needs time to end.
    fn wait(&self, running: &Running) -> sandbox::Result<Exit> {
        let kill = |_, _| {
            let _ = running.signal(KILL);
        };
        self.host.stop.during(kill, || running.wait(Some(LIMIT)))
    }

    /// Tells what the agent tells, and returns the last program that ran; a line that is no event is dropped.
    fn relay(&self, pipe: Option<PipeReader>) -> Option<Ran> {
        let mut lines = BufReader::new(pipe?);
        let mut last = None;
        loop {
            let mut line = Vec::new();
            match lines.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return last,
                Ok(_) => {}
            }
            if let Ok(told) = serde_json::from_slice::<phases::Event>(&line) {
                if let phases::Event::Ran {
                    element,
                    exit: Some(phases::Exit::Code(code)),
                    ..
                } = &told
                {
                    last = Some(Ran {
                        id: element.id.clone(),
                        code: *code,
                    });
                }
                self.host.events.tell(Event::Phase { told });
            }
        }
    }

    /// Why the agent ended without success: by what it left, else by what it said.
    fn failed(&self, phase: Phase, exit: Exit, said: &str) -> Error {
        match job::failure(self.job) {
            Ok(Some(failure)) => of_failure(failure),
            Ok(None) => {
                let how = match exit {
                    Exit::Code(code) => format!("exit status {code}"),
                    Exit::Signal(signal) => format!("signal {signal}"),
                };
                let error = Error::new(
                    ErrorKind::Other,
                    format!("the lifecycle in the sandbox ended in {phase} with {how}"),
                );
                if said.trim().is_empty() {
                    error
                } else {
                    error.because(said.trim().to_owned())
                }
            }
            Err(cause) => {
                let doing = format!("reading why {phase} failed");
                Error::new(ErrorKind::Other, doing).because(cause)
            }
        }
    }
}

/// The last program that ran in the sandbox.
#[derive(Debug)]
struct Ran {
    id: String,
    code: i32,
}

/// A first-party buildpack says by its exit status whether trying again, or logging in, may help.
fn sharpened(error: Error, last: Option<Ran>) -> Error {
    match (last, error.kind()) {
        (Some(Ran { id, code }), ErrorKind::Phase { code: 51 }) if id.starts_with("slipway/") => {
            match code {
                75 => error.with_kind(ErrorKind::Transient),
                77 => error.with_kind(ErrorKind::Refused),
                _ => error,
            }
        }
        (_, _) => error,
    }
}

fn of_failure(failure: job::Failure) -> Error {
    if let Some(detection) = failure.detect {
        return Error::not_detected(detection);
    }
    let mut chain = failure.chain.into_iter();
    let first = chain
        .next()
        .unwrap_or_else(|| "running the phase".to_owned());
    let error = Error::new(ErrorKind::Phase { code: failure.code }, first);
    match Told::chain(chain.collect()) {
        Some(told) => error.because(told),
        None => error,
    }
}

/// A cause that was told by the agent as text.
#[derive(Debug)]
struct Told {
    text: String,
    cause: Option<Box<Told>>,
}

impl Told {
    fn chain(texts: Vec<String>) -> Option<Told> {
        texts.into_iter().rev().fold(None, |cause, text| {
            Some(Told {
                text,
                cause: cause.map(Box::new),
            })
        })
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Told {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
