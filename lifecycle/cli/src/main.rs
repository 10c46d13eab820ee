//! Source in, OCI image out: no Dockerfile, no daemon, no root.

mod commands;
mod embedded;
mod environment;
mod exit;
mod session;
mod signals;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The sandbox starts this program again as its own first stage; nothing of the rest may happen then.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|arg| arg == sandbox::INIT)
    {
        sandbox::init();
    }
    commands::run()
}
