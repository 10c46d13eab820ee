//! `slipway-killsweep`: disturbs commands that change the image store, and counts what is not in order afterwards.
//!
//! The sweep needs strace; the crowd and the rot need nothing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use killsweep::scenario::{self, Scenario};
use killsweep::work::{self, Work};
use killsweep::{Random, Result, crowd, moments, rot, sweep, text};

/// A seeded bug that was not seen at so many points is not seen.
const BUG_POINTS: usize = 48;

#[derive(Parser)]
#[command(about = "Kills, failing calls, crowds and flipped bits on the image store")]
struct Args {
    #[command(subcommand)]
    what: What,
    /// Chooses the points.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
}

#[derive(Subcommand)]
enum What {
    /// Kills and failing system calls, over every scenario.
    Sweep {
        /// In all; fewer when the commands make fewer calls.
        #[arg(long, default_value_t = 80)]
        points: usize,
        /// Only these scenarios.
        #[arg(long, value_delimiter = ',')]
        scenario: Vec<String>,
    },
    /// Kills and failing system calls of whole builds, and kills at any moment.
    Build {
        #[command(flatten)]
        with: With,
        /// At system calls; half of them are kills.
        #[arg(long, default_value_t = 16)]
        points: usize,
        /// Kills at moments of the clock, one build after the other in the same state folder.
        #[arg(long, default_value_t = 8)]
        moments: usize,
    },
    /// Looks for the seeded bugs.
    SelfTest,
    /// Many builds at once in one state folder.
    Builds {
        #[command(flatten)]
        with: With,
        #[arg(long, default_value_t = 8)]
        count: usize,
    },
    /// Sixteen writers at once, then garbage collection against writers.
    Crowd {
        #[arg(long, default_value_t = 100)]
        rounds: usize,
    },
    /// Flipped bits.
    Rot {
        #[arg(long, default_value_t = 200)]
        flips: usize,
    },
    /// A program that is disturbed.
    #[command(hide = true)]
    Work { work: Work, world: PathBuf },
    /// A program of a crowd.
    #[command(hide = true)]
    Member {
        what: String,
        store: PathBuf,
        writer: usize,
        rounds: usize,
    },
}

/// The program under test, and what it needs instead of a network.
#[derive(clap::Args)]
struct With {
    #[arg(long)]
    slipway: PathBuf,
    /// A state folder that has made the base images; it is copied.
    #[arg(long)]
    state: PathBuf,
}

/// How a run ends; 3 says that this machine cannot do it.
const FLAWED: u8 = 1;
const FAILED: u8 = 2;
const CANNOT: u8 = 3;

fn main() -> ExitCode {
    let args = Args::parse();
    let needs_strace = matches!(
        args.what,
        What::Sweep { .. } | What::SelfTest | What::Build { .. }
    );
    if needs_strace && !is_installed("strace") {
        println!("cannot run here: the program `strace` is not installed");
        return ExitCode::from(CANNOT);
    }
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FLAWED),
        Err(error) => {
            eprintln!("error: {}", text(&*error));
            ExitCode::from(FAILED)
        }
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// False when something was not in order.
fn run(args: &Args) -> Result<bool> {
    let program = std::env::current_exe()?;
    let mut random = Random::new(args.seed);
    match &args.what {
        What::Sweep { points, scenario } => sweep(&program, *points, scenario, &mut random),
        What::Build {
            with,
            points,
            moments,
        } => build(with, *points, *moments, &mut random),
        What::Builds { with, count } => builds(with, *count),
        What::SelfTest => self_test(&program, &mut random),
        What::Crowd { rounds } => crowd(&program, *rounds),
        What::Rot { flips } => rotten(*flips, &mut random),
        What::Work { work, world } => work::work(world, *work).map(|()| true),
        What::Member {
            what,
            store,
            writer,
            rounds,
        } => member(what, store, *writer, *rounds).map(|()| true),
    }
}

fn sweep(program: &Path, points: usize, only: &[String], random: &mut Random) -> Result<bool> {
    let wanted =
        |scenario: &Scenario| only.is_empty() || only.iter().any(|name| name == scenario.name);
    let mut scenarios = scenario::all(program);
    scenarios.retain(wanted);
    if scenarios.is_empty() {
        return Err("no such scenario".into());
    }
    let (mut total, mut flawed) = (0, 0);
    for (index, scenario) in scenarios.iter().enumerate() {
        let begin = Instant::now();
        // What one scenario cannot use is left to the next ones.
        let share = (points - total) / (scenarios.len() - index);
        let counts = sweep::sweep(scenario, share, random)?;
        say(&format!("{}: {counts}", scenario.name), begin);
        total += counts.points();
        flawed += counts.flawed;
    }
    println!("all: {total} points: {flawed} flawed");
    Ok(total > 0 && flawed == 0)
}

fn build(with: &With, points: usize, moments: usize, random: &mut Random) -> Result<bool> {
    let begin = Instant::now();
    let scenario = scenario::build(&with.slipway, &with.state);
    let counts = sweep::sweep(&scenario, points, random)?;
    say(&format!("{}: {counts}", scenario.name), begin);
    let begin = Instant::now();
    let killed = moments::kills(&with.slipway, &with.state, moments, random)?;
    say(&format!("build: {killed}"), begin);
    Ok(counts.points() > 0 && counts.flawed == 0 && killed.flawed == 0)
}

fn builds(with: &With, count: usize) -> Result<bool> {
    let begin = Instant::now();
    let builds = crowd::builds(&with.slipway, &with.state, count)?;
    for flaw in &builds.flaws {
        eprintln!("{flaw}");
    }
    say(&builds.to_string(), begin);
    Ok(builds.flaws.is_empty())
}

/// Each seeded bug is seen.
fn self_test(program: &Path, random: &mut Random) -> Result<bool> {
    let mut seen = true;
    for scenario in scenario::seeded_bugs(program) {
        let begin = Instant::now();
        let point = sweep::first_flaw(&scenario, BUG_POINTS, random)?;
        let text = match point {
            Some(point) => format!("{}: caught at point {point}", scenario.name),
            None => format!("{}: nothing wrong at {BUG_POINTS} points", scenario.name),
        };
        say(&text, begin);
        seen &= point.is_some();
    }
    Ok(seen)
}

fn crowd(program: &Path, rounds: usize) -> Result<bool> {
    let begin = Instant::now();
    let survive = crowd::sixteen(program)?;
    say(
        &format!("16 writers, 16 references: {survive} survive"),
        begin,
    );
    let begin = Instant::now();
    let churn = crowd::churn(program, rounds)?;
    let text = format!(
        "{} rounds of 2 writers against {} collections: {} broken",
        churn.rounds, churn.collections, churn.broken
    );
    say(&text, begin);
    Ok(survive == 16 && churn.broken == 0 && churn.collections > 0)
}

fn rotten(flips: usize, random: &mut Random) -> Result<bool> {
    let begin = Instant::now();
    let counts = rot::rot(flips, random)?;
    say(&counts.to_string(), begin);
    Ok(counts.all_noticed() && counts.all_healed())
}

fn member(what: &str, store: &Path, writer: usize, rounds: usize) -> Result<()> {
    match what {
        "publish-as" => crowd::publish_as(store, writer),
        "churn" => crowd::churn_as(store, writer, rounds),
        "collect-until" => crowd::collect_until_told(store),
        _ => Err(format!("{what}: no such member").into()),
    }
}

fn say(what: &str, begin: Instant) {
    println!("{what} [{:.1} s]", begin.elapsed().as_secs_f32());
}
