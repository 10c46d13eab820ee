//! `slipway-crashrec`: cuts the power while the image store works, and counts what is lost, broken and healed.
//!
//! Needs root, FUSE and loop devices. It runs in a mount namespace of its own: however it ends, its mounts end with it.

use std::fmt::Display;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::{Parser, Subcommand};
use crashrec::campaign::{self, StoreWriters, Subject, Toy};
use crashrec::toy::Omit;
use crashrec::{FileSystem, Result, plan, toy, worker};

/// Moments tried for each seeded bug.
const BUG_POINTS: usize = 16;

#[derive(Parser)]
#[command(about = "Power loss, replayed on the image store")]
struct Args {
    /// Moments of power loss per file system.
    #[arg(long, default_value_t = 40)]
    points: usize,
    /// File systems, of ext4, xfs and btrfs.
    #[arg(long, default_value = "ext4", value_delimiter = ',')]
    fs: Vec<FileSystem>,
    /// Programs that write at the same time.
    #[arg(long, default_value_t = 2)]
    writers: usize,
    /// Chooses the work and the moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder for disks that were not in order.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Looks for the seeded bugs instead, on each file system.
    #[arg(long)]
    self_test: bool,
    /// Set for the run inside the namespace.
    #[arg(long, hide = true)]
    inside: bool,
    #[command(subcommand)]
    program: Option<Program>,
}

#[derive(Subcommand)]
enum Program {
    /// One writer of the store.
    #[command(hide = true)]
    Worker {
        dir: PathBuf,
        seed: u64,
        writer: usize,
        steps: usize,
    },
    /// The store with a seeded bug.
    #[command(hide = true)]
    Toy { dir: PathBuf, omit: Omit },
}

/// How a run ends; 3 says that this machine cannot do it.
const FLAWED: u8 = 1;
const FAILED: u8 = 2;
const CANNOT: u8 = 3;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.program {
        Some(Program::Worker {
            dir,
            seed,
            writer,
            steps,
        }) => worker::work(dir, *writer, &plan::steps(*seed, *writer, *steps)).map(|()| true),
        Some(Program::Toy { dir, omit }) => toy::work(dir, *omit).map(|()| true),
        None => {
            if let Some(obstacle) = obstacle(&args) {
                println!("cannot run here: {obstacle}");
                return ExitCode::from(CANNOT);
            }
            in_own_namespace(&args)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FLAWED),
        Err(error) => {
            eprintln!("error: {}", crashrec::text(&*error));
            ExitCode::from(FAILED)
        }
    }
}

/// What this machine lacks.
fn obstacle(args: &Args) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("mounting needs root".to_owned());
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        if let Err(error) = std::fs::File::options().read(true).write(true).open(device) {
            return Some(format!("{device}: {error}"));
        }
    }
    let mkfs = args.fs.iter().map(|kind| format!("mkfs.{}", kind.name()));
    let strace = args.self_test.then(|| "strace".to_owned());
    let others = ["mount", "umount", "unshare"].map(str::to_owned);
    mkfs.chain(strace)
        .chain(others)
        .find(|program| !is_installed(program))
        .map(|program| format!("the program `{program}` is not installed"))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .any(|folder| folder.join(program).is_file())
}

fn in_own_namespace(args: &Args) -> Result<bool> {
    if args.inside {
        return if args.self_test {
            self_test(args)
        } else {
            sweep(args)
        };
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private"]);
    unshare.arg(std::env::current_exe()?).arg("--inside");
    Err(unshare.args(std::env::args_os().skip(1)).exec().into())
}

fn sweep(args: &Args) -> Result<bool> {
    let program = std::env::current_exe()?;
    let mut clean = true;
    for kind in &args.fs {
        let begin = Instant::now();
        let counts = campaign::sweep(
            &program,
            *kind,
            args.points,
            args.writers,
            args.seed,
            args.keep.as_deref(),
        )?;
        say(*kind, &counts, begin);
        clean &= counts.clean();
    }
    Ok(clean)
}

/// The whole protocol passes, and each of its omissions is seen; so is an image store whose syncs do nothing.
fn self_test(args: &Args) -> Result<bool> {
    let program = std::env::current_exe()?;
    let mut as_it_should = true;
    for kind in &args.fs {
        let mut check = |what: &str, subject: &dyn Subject, sound: bool| -> Result<()> {
            let begin = Instant::now();
            let (caught, flushes) = campaign::caught(subject, *kind, BUG_POINTS, args.seed)?;
            as_it_should &= sound == (caught == 0);
            let text =
                format!("{what}: caught at {caught} of {BUG_POINTS} points ({flushes} flushes)");
            say(*kind, &text, begin);
            Ok(())
        };
        let toy = |omit| Toy {
            program: program.clone(),
            omit,
        };
        check("toy store, whole protocol", &toy(Omit::Nothing), true)?;
        for omit in Omit::BUGS {
            let what = format!("toy store without {}", omit.name());
            check(&what, &toy(omit), false)?;
        }
        let writers = StoreWriters::new(&program, args.seed, 1, 8)?.without_syncs();
        check("image store without syncs", &writers, false)?;
    }
    Ok(as_it_should)
}

fn say(kind: FileSystem, what: &dyn Display, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f32();
    println!("{}: {what} [{seconds:.1} s]", kind.name());
}
