//! A runner without isolation: names of the build environment must be real (`root` is `/`).

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;

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
        let child = std::process::Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&command.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let status = attend(child, output).map_err(failed)?;
        Ok(match status.code() {
            Some(code) => Exit::Code(code),
            None => Exit::Signal(status.signal().unwrap_or_default()),
        })
    }
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
