//! Programs that compute variables at launch.
//!
//! Spec: buildpack.md, "exec.d"; `LA-5`.

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use cnb::Environment;
use command_fds::{CommandFdExt, FdMapping};

use crate::error::go_text;
use crate::tree::{Layers, Text};

/// The file descriptor that the programs write to.
const OUTPUT: i32 = 3;

/// Runs the programs one after the other; what one sets the next one sees.
pub fn run(
    mut env: Environment,
    layers: &Layers,
    process_type: &str,
) -> Result<Environment, String> {
    for program in layers.files("exec.d", process_type)? {
        let output = output(&program, &env)?;
        let failed = |error: cnb::Error| {
            format!(
                "failed to decode output from exec.d file at path '{}': {error}",
                program.display()
            )
        };
        let text = cnb::toml_file::text(&output, &program).map_err(failed)?;
        for (name, value) in cnb::parse_exec_d(text, &program).map_err(failed)? {
            env.set(name, value);
        }
    }
    Ok(env)
}

/// Reads to the end of the output, even if the program has ended and a child of it still writes.
fn output(program: &Path, env: &Environment) -> Text<Vec<u8>> {
    let failed = |what: String| {
        format!(
            "failed to execute exec.d file at path '{}': {what}",
            program.display()
        )
    };
    let failed_io = |error: io::Error| {
        failed(format!(
            "fork/exec {}: {}",
            program.display(),
            go_text(&error)
        ))
    };
    let (mut reader, mut child) = start(program, env).map_err(failed_io)?;
    let mut output = Vec::new();
    let read = reader.read_to_end(&mut output);
    let status = child.wait().map_err(failed_io)?;
    if !status.success() {
        return Err(failed(go_status(status)));
    }
    read.map_err(|error| {
        let path = program.display();
        format!(
            "failed to read output from exec.d file at path '{path}': {}",
            go_text(&error)
        )
    })?;
    Ok(output)
}

fn start(program: &Path, env: &Environment) -> io::Result<(PipeReader, std::process::Child)> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(env.iter())
        .stdin(Stdio::from(File::open("/dev/null")?));
    let mapping = FdMapping {
        parent_fd: writer.into(),
        child_fd: OUTPUT,
    };
    command
        .fd_mappings(vec![mapping])
        .map_err(io::Error::other)?;
    // `command` owns our end of the writer; it must be closed before we read.
    let child = command.spawn()?;
    Ok((reader, child))
}

fn go_status(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
