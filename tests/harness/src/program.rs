//! Programs of this machine, run to their end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::skip;

/// What a program left: its status and texts.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The outcome, after asserting that the program ended with status 0.
    pub fn success(self) -> Outcome {
        assert!(
            self.code == Some(0),
            "status {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }
}

/// Runs a command to its end and keeps its texts.
pub fn run(command: &mut Command) -> Outcome {
    let Output {
        status,
        stdout,
        stderr,
    } = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("starting {command:?}: {error}"),
    };
    Outcome {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Finds a program in `PATH`; absent, the calling test is skipped (`None`).
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skip(&format!("the program `{name}` is not installed"));
    }
    found
}

/// Makes a program that this process wrote ready to be started, with its mode.
///
/// Until they have become their program, processes that other threads start still hold the file open for writing, and
/// the kernel starts nothing that is (`ETXTBSY`). No process ever holds what this leaves: another one wrote it.
pub fn ready(program: &Path) {
    run(Command::new("sh")
        .args(["-c", r#"cp -p "$0" "$0.new" && mv "$0.new" "$0""#])
        .arg(program))
    .success();
}

/// Runs a rig to its end and gives what it printed; exit code 3 says that it cannot run here, which skips the calling test (`None`).
pub fn rig(program: &str, args: &[&str]) -> Option<String> {
    let outcome = run(Command::new(program).args(args));
    if outcome.code == Some(3) {
        skip(outcome.stdout.trim());
        return None;
    }
    let stdout = outcome.success().stdout;
    eprintln!("{stdout}");
    Some(stdout)
}
