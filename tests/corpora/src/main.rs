//! `slipway-corpora`: the store measured on pinned trees of Python wheels and Debian packages, beside gzip, casync, restic and borg.
//!
//! `just corpora` prints a table of ratios, all from one run, and fails when a goal of `docs/design/chunk-dedup.md` 12 is missed.
//! CPU times are the least of three rounds in turn with the alternative. Wheels and packages are fetched once, below `target/corpora`.

mod collect;
mod corpus;
mod debs;
mod export;
mod layer;
mod memory;
mod requirements;
mod spent;
mod stored;
mod wheels;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::corpus::Corpus;
use harness::Table;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(about = "The store measured on pinned trees, beside gzip, casync, restic and borg")]
struct Args {
    #[command(subcommand)]
    work: Option<Work>,
    /// Only these corpora.
    #[arg(long, value_delimiter = ',', value_parser = ["flask", "django", "sci", "base"])]
    only: Vec<String>,
    /// Memory with 10 GiB and a million files instead of 1 GiB and 100,000.
    #[arg(long)]
    long: bool,
}

#[derive(Subcommand)]
enum Work {
    /// A process that is measured.
    #[command(hide = true)]
    Pack {
        tree: PathBuf,
        store: PathBuf,
        cores: usize,
    },
}

/// How a run ends that measured nothing; 1 says that a goal was missed.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.work {
        Some(Work::Pack { tree, store, cores }) => {
            export::pack(tree, store, *cores).map(|()| ExitCode::SUCCESS)
        }
        None => run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })
}

fn run(args: &Args) -> Result<ExitCode> {
    let cache = harness::repository().join("target/corpora");
    std::fs::create_dir_all(&cache)?;
    let mut table = Table::default();
    let corpora = corpora(args, &cache, &mut table)?;
    let scratch = scratch(&cache)?;
    let mut layers = Vec::new();
    for corpus in &corpora {
        let versions = layer::measure(corpus, scratch.path())?;
        layer::cores(corpus.name, &versions, &mut table);
        if corpus.name == "sci" {
            let plain = layer::plain_bytes(&versions);
            stored::report(corpus, plain, scratch.path(), &mut table)?;
        }
        layers.extend(versions);
    }
    layer::report(&layers, args.only.is_empty(), &mut table);
    if let Some(tree) = corpora.first().and_then(|corpus| corpus.trees.first()) {
        collect::report(tree, scratch.path(), &mut table)?;
    }
    let load = if args.long {
        memory::LONG
    } else {
        memory::SHORT
    };
    memory::report(&load, scratch.path(), &mut table)?;
    Ok(table.print())
}

/// Of the corpora that are wanted, those that can be had.
fn corpora(args: &Args, cache: &Path, table: &mut Table) -> Result<Vec<Corpus>> {
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    // A mirror keeps the last versions only.
    let base = debs::corpus(cache)
        .inspect_err(|error| table.left_out("base, and bytecode of the wheels", &error.to_string()))
        .ok();
    let interpreter = base.as_ref().and_then(|base| base.trees.last());
    let mut corpora = Vec::new();
    for (name, versions) in wheels::CORPORA.into_iter().filter(|(name, _)| wanted(name)) {
        corpora.push(wheels::corpus(
            cache,
            name,
            versions,
            interpreter.map(PathBuf::as_path),
        )?);
    }
    corpora.extend(base.filter(|base| wanted(base.name)));
    Ok(corpora)
}

/// Beside the trees, so on the same file system.
fn scratch(cache: &Path) -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("scratch-")
        .tempdir_in(cache)?)
}
