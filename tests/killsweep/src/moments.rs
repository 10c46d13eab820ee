//! Builds killed at any moment of the clock, one after the other in the same state folder: nothing they left may pile up.
//!
//! What strace does is at system calls of the program itself; here its sandbox is killed too, or it alone while buildpacks work.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::home::Home;
use crate::patience::finish;
use crate::world::{self, State, World};
use crate::{Random, Result, scenario};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Killed {
    /// Builds that were killed; the others were faster.
    pub kills: usize,
    pub finished: usize,
    /// Moments after which something was wrong, and the end when something was left there.
    pub flawed: usize,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} builds killed at any moment, {} were faster: {} flawed",
            self.kills, self.finished, self.flawed
        )
    }
}

/// Kills so many builds, in turn with all their processes and alone.
pub fn kills(slipway: &Path, state: &Path, moments: usize, random: &mut Random) -> Result<Killed> {
    let scratch = world::scratch()?;
    let world = scratch.path().join("world");
    let home = Home::new(slipway, state);
    home.prepare(&world)?;
    let scenario = scenario::build(slipway, state);
    let (before, _) = home.state(&world);
    // Once undisturbed, to learn how long it takes, what it makes and what lies there then.
    let begin = Instant::now();
    run(&mut scenario.command(&world))?;
    let took = begin.elapsed();
    let (after, _) = home.state(&world);
    run(&mut home.thorough_build(&world, "one"))?;
    let listing = home.listing(&world)?;
    let mut killed = Killed::default();
    for round in 0..moments {
        let source = ["two", "one"][round % 2];
        let begin = random.below(u64::try_from(took.as_micros())?.max(1));
        let command = if round % 3 == 0 {
            home.thorough_build(&world, source)
        } else {
            home.next_build(&world, source)
        };
        if kill(command, Duration::from_micros(begin), round % 4 < 2)? {
            killed.kills += 1;
        } else {
            killed.finished += 1;
        }
        let (found, mut flaws) = home.state(&world);
        flaws.extend(crate::home::orphans(&world));
        flaws.extend(judge(&found, &before, &after));
        killed.flawed += told(&format!("killed after {begin} µs"), &flaws);
    }
    run(&mut home.thorough_build(&world, "one"))?;
    let mut flaws = home.residue(&world, Some(&listing));
    let (found, broken) = home.state(&world);
    flaws.extend(broken);
    if found != before {
        flaws.push(format!("{found:?} instead of {before:?}"));
    }
    killed.flawed += told("in the end", &flaws);
    Ok(killed)
}

/// Each name is that of one of the two builds.
fn judge(found: &State, before: &State, after: &State) -> Vec<String> {
    let flaw = |name: &String| {
        let [is, was, becomes] = [found, before, after].map(|state| state.get(name));
        (is != was && is != becomes).then(|| format!("{name}: {is:?}"))
    };
    before.keys().chain(found.keys()).filter_map(flaw).collect()
}

fn told(what: &str, flaws: &[String]) -> usize {
    if flaws.is_empty() {
        return 0;
    }
    eprintln!("{what}:");
    for flaw in flaws {
        eprintln!("  {flaw}");
    }
    1
}

fn run(command: &mut Command) -> Result<()> {
    let output = finish(command)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {text}", output.status).into())
}

/// False when it was faster.
fn kill(mut command: Command, after: Duration, with_all: bool) -> Result<bool> {
    let nowhere = Stdio::null;
    let mut child = command
        .process_group(0)
        .stdin(nowhere())
        .stdout(nowhere())
        .stderr(nowhere())
        .spawn()?;
    std::thread::sleep(after);
    let pid = Pid::from_child(&child);
    // One that has ended is still there until we ask for its status.
    if with_all {
        kill_process_group(pid, Signal::KILL)?;
    } else {
        kill_process(pid, Signal::KILL)?;
    }
    let status = child.wait()?;
    if !status.success() && std::os::unix::process::ExitStatusExt::signal(&status) != Some(9) {
        return Err(format!("a build between two kills: {status}").into());
    }
    Ok(!status.success())
}
