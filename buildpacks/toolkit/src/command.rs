//! Programs that a buildpack starts: a complete environment, output line by line into the log.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cnb::Environment;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::{Failure, Log, Result};

/// Of a program's output this much, from its end, is kept for whoever has to explain a failure.
const KEPT_BYTES: usize = 1024 * 1024;

/// A line longer than this is cut, so that a program cannot fill the memory.
const LINE_BYTES: u64 = 64 * 1024;

/// A program to start. Nothing of our own environment is inherited.
#[derive(Debug, Clone)]
pub struct Command {
    program: PathBuf,
    args: Vec<OsString>,
    env: Environment,
    dir: PathBuf,
}

/// A program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub exit: Exit,
    /// What it wrote to both streams, in the order in which it arrived; the last mebibyte of it.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Ended {
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }
}

impl Command {
    /// `dir` is the working directory, `env` the complete environment.
    pub fn new(program: &Path, dir: &Path, env: &Environment) -> Command {
        Command {
            program: program.to_owned(),
            args: Vec::new(),
            env: env.clone(),
            dir: dir.to_owned(),
        }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Command {
        self.args.push(arg.into());
        self
    }

    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable; a later value replaces an earlier one.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Command {
        self.env.set(name, value);
        self
    }

    /// Runs the program to its end; its lines go to the log as they come.
    pub fn stream(&self, log: &Log) -> Result<Ended> {
        self.run(&|line| log.detail(line))
    }

    /// Runs the program to its end in silence.
    pub fn output(&self) -> Result<Ended> {
        self.run(&|_| ())
    }

    /// Runs the program to its end; each line goes to `each` as it comes.
    pub fn run(&self, each: &(dyn Fn(&str) + Sync)) -> Result<Ended> {
        let mut child = self
            .start()
            .map_err(|error| self.failed("starting", &error))?;
        let kept = Mutex::new(Vec::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            scope.spawn(|| stdout.map(|stream| lines(stream, &kept, each)));
            scope.spawn(|| stderr.map(|stream| lines(stream, &kept, each)));
        });
        let status = child
            .wait()
            .map_err(|error| self.failed("waiting for", &error))?;
        let kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Ended {
            exit: exit(status),
            text: String::from_utf8_lossy(&kept).into_owned(),
        })
    }

    /// A program that was just written may be busy for a moment: a process that another thread forked meanwhile still
    /// has the file open.
    fn start(&self) -> io::Result<Child> {
        let mut tries = 0;
        loop {
            match self.spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 100 => {
                    tries += 1;
                    thread::sleep(Duration::from_millis(10));
                }
                other => return other,
            }
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        Process::new(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(self.env.iter())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Failure {
        Failure::internal(format!("{doing} {}", self.program.display()), error)
    }
}

fn lines(stream: impl Read, kept: &Mutex<Vec<u8>>, each: &(dyn Fn(&str) + Sync)) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        // An unreadable pipe is an ended one; the exit status tells the rest.
        match stream
            .by_ref()
            .take(LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        keep(kept, &line);
        each(String::from_utf8_lossy(&line).trim_end());
    }
}

fn keep(kept: &Mutex<Vec<u8>>, line: &[u8]) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.extend_from_slice(line);
    // Dropping from the front costs a move, so it happens once per mebibyte, not once per line.
    if kept.len() > 2 * KEPT_BYTES {
        let surplus = kept.len() - KEPT_BYTES;
        kept.drain(..surplus);
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// Keeps every program that this process starts from looking into it or changing it, whatever that program is; they run as the same user.
/// False when the system does not let us.
pub fn keep_apart() -> bool {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

/// The first executable file called `name` in the folders of `path`, which has the form of `PATH`.
pub fn find_program(name: &str, path: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| {
            file.metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_sees_its_own_environment_only_and_its_text_is_kept() {
        let ended = Command::new(
            Path::new("/bin/sh"),
            Path::new("/"),
            &Environment::default(),
        )
        .args(["-c", "echo \"${HOME-none} $A\"; echo two >&2; exit 3"])
        .env("A", "1")
        .output()
        .unwrap();
        assert_eq!(ended.exit, Exit::Code(3));
        let mut lines: Vec<_> = ended.text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["none 1", "two"]);
    }

    #[test]
    fn a_program_that_cannot_start_is_a_failure_that_names_it() {
        let failure = Command::new(
            Path::new("/no/such"),
            Path::new("/"),
            &Environment::default(),
        )
        .output()
        .unwrap_err();
        assert!(failure.to_string().contains("starting /no/such"));
    }
}
