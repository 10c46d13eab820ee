//! A runner without isolation: names of the build environment must be real (`root` is `/`).

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Command, Exit, Runner, Stream};
use crate::{Error, ErrorKind, Result};

/// Runs programs as children of this process, each in a process group of its own that is ended with it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Runner for Plain {
    fn run(&self, command: &Command, output: &(dyn Fn(Stream, &[u8]) + Sync)) -> Result<Exit> {
        let failed = |cause: io::Error| {
            Error::new(
                ErrorKind::Start,
                format!("starting {}", command.program.display()),
            )
            .because(cause)
        };
        let child = start(command).map_err(failed)?;
        let status = attend(child, output).map_err(failed)?;
        Ok(match status.code() {
            Some(code) => Exit::Code(code),
            None => Exit::Signal(status.signal().unwrap_or_default()),
        })
    }
}

/// How often and how long a program is waited for that somebody still writes to.
const BUSY: (u32, Duration) = (50, Duration::from_millis(10));

fn start(command: &Command) -> io::Result<Child> {
    let mut child = std::process::Command::new(&command.program);
    child
        .args(&command.args)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&command.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    // A child of another thread that has not come to its exec yet has all our files open, also a program that was just
    // written: Linux then refuses to run it.
    for _ in 0..BUSY.0 {
        match child.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(BUSY.1);
            }
            started => return started,
        }
    }
    child.spawn()
}

/// Forwards both streams until the child and all it left behind have ended.
fn attend(mut child: Child, output: &(dyn Fn(Stream, &[u8]) + Sync)) -> io::Result<ExitStatus> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || forward(stdout, Stream::Stdout, output));
        scope.spawn(move || forward(stderr, Stream::Stderr, output));
        let status = child.wait();
        // Whoever is left holds the pipes open: the group ends before the readers are joined.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _gone_already = kill_process_group(group, Signal::KILL);
        }
        status
    })
}

fn forward(pipe: Option<impl Read>, stream: Stream, output: &(dyn Fn(Stream, &[u8]) + Sync)) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = pipe.read(&mut piece) {
        output(stream, piece.get(..n).unwrap_or_default());
    }
}
