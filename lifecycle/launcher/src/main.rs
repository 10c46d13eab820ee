//! Becomes the process that was asked for; on failure says why and exits with the code of the Go launcher.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let error = match launcher::launch(env::vars_os().collect(), env::args_os().collect()) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    launcher::say(&format!("ERROR: {error}\n"));
    ExitCode::from(error.exit_code())
}
