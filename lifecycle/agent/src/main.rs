//! The `lifecycle` binary: detect and build inside the sandbox, and the first-party buildpacks.
//!
//! Called through a buildpack's `bin/detect` or `bin/build` it is that buildpack; otherwise its first argument says
//! what to do.

mod agent;
mod install;
mod report;
mod runner;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use toolkit::Buildpack;

/// How to call this program; the other ways are not for people.
const USAGE: &str = "usage: lifecycle install FOLDER   writes the buildpacks of this program and their order to FOLDER
       lifecycle agent            runs the phase of /slipway/job.json inside a sandbox";

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    let argument = |index: usize| args.get(index).and_then(|argument| argument.to_str());
    if argument(1) == Some(sandbox::INIT) {
        sandbox::init();
    }
    let python = python::buildpack();
    let pip = pip::buildpack();
    let procfile = procfile::buildpack();
    let buildpacks: [&dyn Buildpack; 3] = [&python, &pip, &procfile];
    let name = args.first().and_then(|path| Path::new(path).file_name());
    if matches!(name.and_then(OsStr::to_str), Some("detect" | "build")) {
        return toolkit::main_of(&buildpacks);
    }
    match (argument(1), args.get(2)) {
        (Some("agent"), None) => ExitCode::from(agent::run()),
        (Some("install"), Some(folder)) => install_to(Path::new(folder), &buildpacks),
        (Some("--version"), None) => {
            println!("lifecycle {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn install_to(folder: &Path, buildpacks: &[&dyn Buildpack]) -> ExitCode {
    match install::install(folder, buildpacks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", report::chain(&*error).join(": "));
            ExitCode::FAILURE
        }
    }
}
