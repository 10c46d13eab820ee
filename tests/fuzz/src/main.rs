//! `slipway-fuzz`: gives hostile bytes to every decoder, and says which of them were too much for it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fuzz::watch::{self, Ended};
use fuzz::{Result, child, planted, target, text};

/// A planted bug that was not found in so many seconds is not found.
const PLANTED_SECONDS: u64 = 30;

#[derive(Parser)]
#[command(about = "Hostile bytes for the decoders of layers and of the store")]
struct Args {
    #[command(subcommand)]
    what: What,
    /// Chooses the changes.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
}

#[derive(Subcommand)]
enum What {
    /// Every target for so many seconds.
    Run {
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Only these.
        #[arg(long, value_delimiter = ',')]
        target: Vec<String>,
    },
    /// Looks for the planted bugs.
    SelfTest,
    /// One input again.
    Again { target: String, input: PathBuf },
    /// The process in which a target runs.
    #[command(hide = true)]
    Child {
        target: String,
        seconds: u64,
        /// Of the changes.
        number: u64,
        input: PathBuf,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", text(&*error));
            ExitCode::from(2)
        }
    }
}

/// False when a bug was found, or a planted one was not.
fn run(args: &Args) -> Result<bool> {
    let program = std::env::current_exe()?;
    match &args.what {
        What::Run { seconds, target } => every(&program, *seconds, target, args.seed),
        What::SelfTest => self_test(&program, args.seed),
        What::Again { target, input } => {
            child::again(&*target::named(target)?, input).map(|()| true)
        }
        What::Child {
            target,
            seconds,
            number,
            input,
        } => child::run(&*target::named(target)?, *seconds, *number, input).map(|()| true),
    }
}

fn every(program: &Path, seconds: u64, only: &[String], seed: u64) -> Result<bool> {
    let mut well = 0;
    let mut names: Vec<&str> = target::all()?.iter().map(|target| target.name()).collect();
    names.retain(|name| only.is_empty() || only.iter().any(|wanted| wanted == name));
    if names.is_empty() {
        return Err("no such target".into());
    }
    let at_once = std::thread::available_parallelism()?.get();
    for some in names.chunks(at_once) {
        let ended = std::thread::scope(|scope| {
            let run = |name| scope.spawn(move || watch::run(program, name, seconds, seed));
            let running: Vec<_> = some.iter().map(|name| run(*name)).collect();
            let ended = running.into_iter().map(std::thread::ScopedJoinHandle::join);
            ended.collect::<Vec<_>>()
        });
        for (name, ended) in some.iter().zip(ended) {
            well += usize::from(told(name, ended.map_err(|_| "a thread panicked")??)?);
        }
    }
    println!("all: {well} of {} targets without a bug", names.len());
    Ok(well == names.len())
}

/// Says how a target ended; true when it was well.
fn told(name: &str, ended: Ended) -> Result<bool> {
    match ended {
        Ended::Well(said) => {
            println!("{name}: {said}");
            Ok(true)
        }
        Ended::Badly { how, input } => {
            let kept = watch::keep(name, &input)?;
            println!("{name}: {how}");
            println!("  again: slipway-fuzz again {name} {}", kept.display());
            Ok(false)
        }
    }
}

/// Each planted bug is found.
fn self_test(program: &Path, seed: u64) -> Result<bool> {
    let mut found = true;
    for bug in planted::all() {
        let name = bug.name();
        let text = match watch::run(program, name, PLANTED_SECONDS, seed)? {
            Ended::Badly { how, input } => {
                let how = how.lines().next().unwrap_or_default().to_owned();
                format!("{name}: found with {} bytes: {how}", input.len())
            }
            Ended::Well(said) => {
                found = false;
                format!("{name}: not found: {said}")
            }
        };
        println!("{text}");
    }
    Ok(found)
}
