//! `slipway cache`: what is kept on this machine.

use std::time::Duration;

use platform::cache::{self, Broken, Damage, Kept};
use platform::{Error, Keep, name, why};
use serde_json::json;

use super::Outcome;
use crate::exit;
use crate::session::Session;
use crate::ui::style::harmless;
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
    Why(Why),
}

const EXAMPLES: &str = "\
Examples:
  slipway cache stat
  slipway cache verify && echo all is well
  slipway cache prune --keep-size 2GB
  slipway cache why shop";

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
#[command(after_help = PRUNE_HELP)]
pub(crate) struct Prune {
    /// Let so much of it stay, such as 2GB: what was used last
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    keep_size: Option<u64>,
    /// Remove only what was not used for so long, such as 30d
    #[arg(long, value_name = "TIME", value_parser = units::parse_age)]
    older_than: Option<Duration>,
    /// Print the bytes that were freed as JSON
    #[arg(long)]
    json: bool,
}

/// Tell why the last build of an image did something, and which layers it made anew
#[derive(clap::Args)]
#[command(after_help = WHY_HELP)]
pub(crate) struct Why {
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the reasons and layers as JSON
    #[arg(long)]
    json: bool,
}

const WHY_HELP: &str = "\
A build is compared with the one before of the same name: files of the source, variables, base
images, buildpacks, your settings for pip and the network, slipway itself. Values are never kept,
only a few digits of their digests. A build that found nothing changed leaves the answer as it is.

Exit code 1 when nothing was recorded: the image was tagged, or built by an earlier slipway.";

const PRUNE_HELP: &str = "\
Goes: downloaded packages, unpacked layers, layers that buildpacks want back, what no image needs.
Stays: images, and what running builds and containers use.

Examples:
  slipway cache prune                          everything that can be had again
  slipway cache prune --keep-size 2GB
  slipway cache prune --older-than 30d

Builds see to it by themselves that no more than 10 GB stay, or what SLIPWAY_CACHE_SIZE says.";

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Stat(args) => args.json,
            Command::Verify(args) => args.json,
            Command::Repair(args) => args.json,
            Command::Prune(args) => args.json,
            Command::Why(args) => args.json,
        }
    }
}

pub(crate) fn run(session: &Session, command: &Command) -> Outcome {
    match command {
        Command::Stat(args) => stat(session, args).map_err(Into::into),
        Command::Verify(args) => verify(session, args).map_err(Into::into),
        Command::Repair(args) => repair(session, args).map_err(Into::into),
        Command::Prune(args) => prune(session, args).map_err(Into::into),
        Command::Why(args) => why(session, args).map_err(Into::into),
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
        row(
            "sum",
            kept.downloads + kept.unpacked + kept.reuse + kept.wheels,
            &format!(
                "of the four above; at most {} stay",
                units::bytes(kept.bound)
            ),
        ),
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
    let host = session.told();
    let keep = match (args.keep_size, args.older_than) {
        (None, None) => Keep::NOTHING,
        (bytes, age) => Keep {
            bytes: bytes.unwrap_or(u64::MAX),
            // Nothing is older than all time.
            used_since: age.and_then(|age| host.now.checked_sub(age)),
        },
    };
    let freed = cache::prune(&host, keep)?;
    if args.json {
        stdout::json(&json!({"freed": freed}))?;
    } else {
        let text = format!("{} freed; images are as they were", units::bytes(freed));
        session.plain.line("Pruned", &text);
    }
    Ok(exit::DONE)
}

fn why(session: &Session, args: &Why) -> Result<u8, Error> {
    let found = why::why(&session.told(), &name::parse(&args.name)?)?;
    if args.json {
        stdout::json(&found)?;
    } else if let Some(found) = &found {
        stdout::print(&told(found))?;
    } else {
        let text = format!("nothing was recorded when {} was made", args.name);
        session.plain.line("Why", &text);
    }
    Ok(if found.is_some() {
        exit::DONE
    } else {
        exit::FAILED
    })
}

/// Reasons, then layers; those of the run image count as one.
fn told(why: &platform::why::Why) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |word: &str, text: &str| rows.push(vec![word.to_owned(), harmless(text)]);
    if why.reasons.is_empty() {
        row("because", "it was the first build of this name");
    }
    for reason in &why.reasons {
        row("because", &reason.to_string());
    }
    let word = |reused: bool| if reused { "reused" } else { "new" };
    for layers in why
        .layers
        .chunk_by(|a, b| a.holds == b.holds && a.reused == b.reused)
    {
        if let [first, ..] = layers {
            let count = u64::try_from(layers.len()).unwrap_or_default();
            let text = match count {
                1 => first.holds.clone(),
                _ => format!("{} ({})", first.holds, units::count(count, "layer")),
            };
            row(word(first.reused), &text);
        }
    }
    table(&rows)
}
