//! `slipway cache`: what is kept on this machine.

use platform::Error;
use platform::cache::{self, Broken, Damage, Kept};
use serde_json::json;

use super::Outcome;
use crate::exit;
use crate::session::Session;
use crate::ui::table::table;
use crate::ui::{stdout, units};

/// What is kept on this machine: how much, whether it is sound, what may go
#[derive(clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    Stat(Stat),
    Verify(Verify),
    Repair(Repair),
    Prune(Prune),
}

const EXAMPLES: &str = "\
Examples:
  slipway cache stat
  slipway cache verify && echo all is well
  slipway cache prune";

/// Show how much is kept
#[derive(clap::Args)]
pub(crate) struct Stat {
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

/// Read everything in the image store and tell what is broken
#[derive(clap::Args)]
#[command(after_help = "Changes nothing. Exit code 1 when something is broken.")]
pub(crate) struct Verify {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Remove what is broken, so that the next build writes it again
#[derive(clap::Args)]
pub(crate) struct Repair {
    /// Print what was removed as JSON
    #[arg(long)]
    json: bool,
}

/// Remove what can be had again; images stay
#[derive(clap::Args)]
#[command(
    after_help = "Goes: downloaded packages, unpacked layers, layers that buildpacks want back, installed packages, what no image needs."
)]
pub(crate) struct Prune {
    /// Print the bytes that were freed as JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Stat(args) => args.json,
            Command::Verify(args) => args.json,
            Command::Repair(args) => args.json,
            Command::Prune(args) => args.json,
        }
    }
}

pub(crate) fn run(session: &Session, command: &Command) -> Outcome {
    match command {
        Command::Stat(args) => stat(session, args).map_err(Into::into),
        Command::Verify(args) => verify(session, args).map_err(Into::into),
        Command::Repair(args) => repair(session, args).map_err(Into::into),
        Command::Prune(args) => prune(session, args).map_err(Into::into),
    }
}

fn stat(session: &Session, args: &Stat) -> Result<u8, Error> {
    let kept = cache::stat(&session.told())?;
    if args.json {
        stdout::json(&kept)?;
    } else {
        stdout::print(&table(&rows(&kept)))?;
    }
    Ok(exit::DONE)
}

fn rows(kept: &Kept) -> Vec<Vec<String>> {
    let store = &kept.store;
    let chunks = format!(
        "{} images; {} layers in {} chunks, {} instead of {}",
        kept.images,
        store.layers,
        store.chunks,
        units::bytes(store.chunk_bytes),
        units::bytes(store.layer_bytes)
    );
    let row = |what: &str, bytes: u64, detail: &str| {
        vec![what.to_owned(), units::bytes(bytes), detail.to_owned()]
    };
    vec![
        row("store", store.bytes, &chunks),
        row("downloads", kept.downloads, "packages of base images"),
        row(
            "unpacked",
            kept.unpacked,
            "layers that builds and runs stand on",
        ),
        row("reuse", kept.reuse, "layers that buildpacks want back"),
        row("wheels", kept.wheels, "installed Python packages"),
    ]
}

fn verify(session: &Session, args: &Verify) -> Result<u8, Error> {
    let damage = cache::verify(&session.told())?;
    if args.json {
        stdout::json(&damage)?;
    } else {
        stdout::lines(damage.broken.iter().map(line))?;
        let sum = if damage.is_none() {
            "everything in the image store is as it was written".to_owned()
        } else {
            format!("{}; mend it: slipway cache repair", sum(&damage))
        };
        session.plain.line("Verified", &sum);
    }
    Ok(if damage.is_none() {
        exit::DONE
    } else {
        exit::FAILED
    })
}

fn repair(session: &Session, args: &Repair) -> Result<u8, Error> {
    let damage = cache::repair(&session.told())?;
    if args.json {
        stdout::json(&damage)?;
        return Ok(exit::DONE);
    }
    stdout::lines(damage.broken.iter().map(line))?;
    let text = if damage.is_none() {
        "nothing was broken".to_owned()
    } else if damage.broken.is_empty() {
        format!("{}; every image is whole", sum(&damage))
    } else {
        format!("{}; build these images again", sum(&damage))
    };
    session.plain.line("Repaired", &text);
    Ok(exit::DONE)
}

fn sum(damage: &Damage) -> String {
    let count = |count: usize, what| units::count(u64::try_from(count).unwrap_or_default(), what);
    format!(
        "{} broken, in {}",
        count(damage.broken.len(), "blob"),
        count(damage.packs, "pack")
    )
}

/// The images that need it come first: they are what the user knows.
fn line(broken: &Broken) -> String {
    let images = if broken.images.is_empty() {
        "no image".to_owned()
    } else {
        broken.images.join(" ")
    };
    format!("{images}  {}", broken.digest)
}

fn prune(session: &Session, args: &Prune) -> Result<u8, Error> {
    let freed = cache::prune(&session.told())?;
    if args.json {
        stdout::json(&json!({"freed": freed}))?;
    } else {
        let text = format!("{} freed; images are as they were", units::bytes(freed));
        session.plain.line("Pruned", &text);
    }
    Ok(exit::DONE)
}
