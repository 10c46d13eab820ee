//! `slipway run`: an image as a container on this machine.

use std::ffi::OsString;
use std::path::Path;

use platform::run::{Request, run as start};
use platform::{Error, name};

use super::Outcome;
use crate::exit;
use crate::session::Session;

/// Start an image on this machine
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Image to start; without one that of the folder you are in
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Variable for the process; NAME alone takes your own value
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Process type to start instead of the default one
    #[arg(long, value_name = "TYPE")]
    process: Option<String>,
    /// Arguments for the process type; without --process a command to run in the image
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  slipway run shop                             its web process, on $PORT or the first free port from 8080
  slipway run shop -e PORT=9000
  slipway run shop --process worker
  slipway run shop -- python -m shop.migrate   a command in the image

The container has the network of this machine. Ctrl-C goes to its process, whose exit code is ours.";

pub(crate) fn run(session: &Session, args: &Args) -> Outcome {
    let name = match &args.name {
        Some(name) => name::parse(name)?,
        None => name::of_source(Path::new("."))?,
    };
    let env = args
        .env
        .iter()
        .map(|text| session.environment.variable(text))
        .collect::<Result<_, Error>>()?;
    let request = Request {
        name,
        env,
        process: args.process.clone(),
        command: args.command.clone(),
    };
    let code = start(&session.told(), &request)?;
    Ok(u8::try_from(code).unwrap_or(exit::FAILED))
}
