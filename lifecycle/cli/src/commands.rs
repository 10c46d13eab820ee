//! The command line: what can be said, and which function does it.

mod build;
mod cache;
mod detect;
mod doctor;
mod image;
mod inputs;
mod inspect;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use platform::{Error, ErrorKind};

use crate::environment::Environment;
use crate::exit;
use crate::session::{OnSignal, Session};
use crate::ui::style::Style;
use crate::ui::{detection, failure, stdout};

/// Source in, OCI image out: no Dockerfile, no daemon, no root.
#[derive(Parser)]
#[command(name = "slipway", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Tell more of what happens
    #[arg(short, long, global = true, display_order = 100)]
    verbose: bool,
}

const EXAMPLES: &str = "\
Examples:
  slipway build . -t hello                     build the folder you are in
  slipway run hello                            start the image on this machine
  slipway image save hello | docker load       hand it to docker
  slipway build . -t hello -o oci:out          write an OCI layout instead

Everything is kept below $SLIPWAY_HOME, or the XDG folders (~/.local/share/slipway, ~/.cache/slipway).";

#[derive(Subcommand)]
enum Command {
    Build(build::Args),
    Detect(detect::Args),
    Run(run::Args),
    Inspect(inspect::Args),
    #[command(subcommand)]
    Image(image::Command),
    #[command(subcommand)]
    Cache(cache::Command),
    Doctor(doctor::Args),
}

/// What a command leaves for the shell.
pub(crate) type Outcome = Result<u8, Failed>;

/// An error, and what it did not change.
pub(crate) struct Failed {
    error: Box<Error>,
    state: Option<&'static str>,
    /// The source that no buildpack fits.
    source: Option<std::path::PathBuf>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed {
            error: Box::new(error),
            state: None,
            source: None,
        }
    }
}

impl Command {
    fn on_signal(&self) -> OnSignal {
        match self {
            Command::Run(_) => OnSignal::PassOn,
            Command::Image(command) if command.runs_a_program() => OnSignal::PassOn,
            _ => OnSignal::End,
        }
    }

    fn wants_json(&self) -> bool {
        match self {
            Command::Build(args) => args.json,
            Command::Detect(args) => args.json,
            Command::Inspect(args) => args.json,
            Command::Image(command) => command.wants_json(),
            Command::Cache(command) => command.wants_json(),
            Command::Doctor(args) => args.json,
            Command::Run(_) => false,
        }
    }

    fn run(&self, session: &Session) -> Outcome {
        match self {
            Command::Build(args) => build::run(session, args),
            Command::Detect(args) => detect::run(session, args),
            Command::Run(args) => run::run(session, args),
            Command::Inspect(args) => inspect::run(session, args),
            Command::Image(command) => image::run(session, command),
            Command::Cache(command) => cache::run(session, command),
            Command::Doctor(args) => doctor::run(session, args),
        }
    }
}

/// Parses, runs, and gives the exit code of `exit.rs`.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let environment = Environment::read();
    let style = Style {
        colour: environment.colour,
    };
    let json = cli.command.wants_json();
    let session = match Session::begin(environment, cli.verbose, cli.command.on_signal()) {
        Ok(session) => session,
        Err(error) => return ExitCode::from(report(&error.into(), json, style)),
    };
    let code = match cli.command.run(&session) {
        Ok(code) => code,
        Err(failed) if failed.error.kind() == ErrorKind::Interrupted => {
            session.signal().map_or(exit::FAILED, exit::of_signal)
        }
        Err(failed) => report(&failed, json, style),
    };
    ExitCode::from(code)
}

/// Help and version go to stdout; a closed pipe is no failure.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() {
        exit::USAGE
    } else {
        exit::DONE
    })
}

fn report(failed: &Failed, json: bool, style: Style) -> u8 {
    let Failed {
        error,
        state,
        source,
    } = failed;
    let text = match (json, error.detection(), source) {
        (true, _, _) => failure::json(error, *state),
        (false, Some(detection), Some(source)) => detection::text(error, detection, source, style),
        (false, _, _) => failure::text(error, *state, style),
    };
    // Nobody to tell is no reason for another exit code.
    if json && error.detection().is_some() {
        // Why nothing fits is what was asked for, and answers go to stdout.
        let _ = stdout::print(&text);
    } else {
        let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), text.as_bytes());
    }
    exit::class(error.kind()).exit
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
