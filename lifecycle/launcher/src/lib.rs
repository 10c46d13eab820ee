//! Starts processes in app images: chooses one, gives it the environment of its buildpacks, and becomes it.
//!
//! Spec: platform.md, "Launcher"; where that leaves something open it is done as in the Go launcher, messages
//! included (they go to standard output). A library only so that tests can call its parts.

pub mod environment;
mod error;
pub mod exec_d;
mod lookup;
pub mod select;
mod settings;
pub mod shell;
mod tree;

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use cnb::Environment;

use error::{Context, go_text};
pub use error::{Error, ErrorKind, Result};
pub use select::{Chosen, choose};
pub use settings::Settings;
pub use tree::Layers;

/// Becomes the process that `args` asks for; returns only when that fails.
pub fn launch(vars: Vec<(OsString, OsString)>, args: Vec<OsString>) -> Result<Infallible> {
    let settings = Settings::read(vars, args)?;
    for warning in settings.warnings() {
        say(&format!("Warning: {warning}\n"));
    }
    let chosen = choose(&settings)?;
    let Settings {
        layers,
        app,
        environ,
        metadata,
        ..
    } = &settings;
    change_directory(app).context(ErrorKind::ChangeDirectory, "change to app directory")?;
    let layers =
        Layers::list(layers, &metadata.buildpacks).context(ErrorKind::Environment, "modify env")?;
    let env = environment::for_process(environ.clone(), &layers, &chosen.process_type);
    let env = env.context(ErrorKind::Environment, "modify env")?;
    let env =
        exec_d::run(env, &layers, &chosen.process_type).context(ErrorKind::ExecD, "exec.d")?;
    if chosen.direct {
        return become_program(&chosen, &env);
    }
    let script = shell::Script::of(&chosen, &metadata.buildpacks)?;
    let profiles = shell::profiles(&layers, &chosen.process_type, app)
        .context(ErrorKind::Profiles, "find profiles")?;
    become_shell(&settings, &chosen, &env, script, &profiles)
}

/// Prints to standard output, as the Go launcher does; nobody there to read it is no reason to fail.
pub fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn become_program(chosen: &Chosen, env: &Environment) -> Result<Infallible> {
    let (command, args) = chosen.direct_command()?;
    // Looked up before the working directory changes, started after: a relative path must exist in both.
    let program =
        lookup::find(command, env.get("PATH")).context(ErrorKind::PathLookup, "path lookup")?;
    change_directory(&chosen.working_dir)
        .context(ErrorKind::ChangeDirectory, "change directory")?;
    let mut process = Command::new(program);
    process
        .arg0(command)
        .args(args)
        .env_clear()
        .envs(env.iter());
    Err(go_text(&process.exec())).context(ErrorKind::Exec, "direct exec")
}

fn become_shell(
    settings: &Settings,
    chosen: &Chosen,
    env: &Environment,
    script: shell::Script,
    profiles: &[std::path::PathBuf],
) -> Result<Infallible> {
    let text = shell::text(profiles, &chosen.working_dir, script, chosen.args.len());
    let caller = settings
        .args
        .first()
        .map_or(OsStr::new(""), OsString::as_os_str);
    let mut process = Command::new(shell::BASH);
    process
        .arg0("bash")
        .arg("-c")
        .arg(text)
        .arg(caller)
        .arg(chosen.shell_command())
        .args(&chosen.args);
    process.env_clear().envs(env.iter());
    let failed = go_text(&process.exec());
    Err(format!("{}: {failed}", shell::BASH)).context(ErrorKind::Exec, "bash exec")
}

fn change_directory(dir: &Path) -> std::result::Result<(), String> {
    std::env::set_current_dir(dir)
        .map_err(|error| format!("chdir {}: {}", dir.display(), go_text(&error)))
}
