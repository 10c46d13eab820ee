//! Every command of the table, disturbed at its system calls, judged each time, and done again.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crashrec::images;
use oci::{Image, Images, Local};
use tempfile::TempDir;

use crate::patience::finish;
use crate::scenario::Scenario;
use crate::strace::{self, Call, Fault, Outcome};
use crate::world::{self, Listing, State};
use crate::{Random, Result, text};

/// What came of the points of one scenario.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Calls that could be disturbed.
    pub calls: usize,
    pub kills: usize,
    pub errnos: usize,
    /// Of the failing calls, those that the command got over.
    pub survived: usize,
    /// Points at which something was wrong, at once or after doing it again.
    pub flawed: usize,
}

impl Counts {
    pub fn points(&self) -> usize {
        self.kills + self.errnos
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} points ({} calls; {} kills, {} failing calls of which {} were got over): {} flawed",
            self.points(),
            self.calls,
            self.kills,
            self.errnos,
            self.survived,
            self.flawed
        )
    }
}

/// A prepared world, and what one command makes of it undisturbed.
struct Rig<'a> {
    scenario: &'a Scenario,
    scratch: TempDir,
    before: State,
    after: State,
    /// What lies in the world when all is done.
    listing: Listing,
    calls: Vec<Call>,
}

/// Disturbs a command at so many points, half of them kills; fewer when it has fewer.
pub fn sweep(scenario: &Scenario, points: usize, random: &mut Random) -> Result<Counts> {
    let rig = Rig::new(scenario)?;
    let mut counts = Counts {
        calls: rig.calls.len(),
        ..Counts::default()
    };
    for (call, fault) in choose(&rig.calls, points, random) {
        let (outcome, flaws) = rig.point(&call, fault)?;
        if !outcome.fired {
            continue;
        }
        match fault {
            Fault::Kill => counts.kills += 1,
            Fault::Errno(_) => {
                counts.errnos += 1;
                counts.survived += usize::from(outcome.success);
            }
        }
        counts.flawed += usize::from(!flaws.is_empty());
        if !flaws.is_empty() {
            eprintln!(
                "{}: {fault:?} at {} number {}:",
                scenario.name, call.name, call.when
            );
            for flaw in &flaws {
                eprintln!("  {flaw}");
            }
        }
    }
    Ok(counts)
}

/// How many points it took until something was wrong; `None` when nothing was within `points`.
pub fn first_flaw(
    scenario: &Scenario,
    points: usize,
    random: &mut Random,
) -> Result<Option<usize>> {
    let rig = Rig::new(scenario)?;
    for (tried, (call, fault)) in choose(&rig.calls, points, random).iter().enumerate() {
        let (_, flaws) = rig.point(call, *fault)?;
        if !flaws.is_empty() {
            return Ok(Some(tried + 1));
        }
    }
    Ok(None)
}

/// Different points in random order, half of them kills.
fn choose(calls: &[Call], points: usize, random: &mut Random) -> Vec<(Call, Fault)> {
    let kills = calls.iter().map(|call| (call.clone(), Fault::Kill));
    let errnos = calls.iter().flat_map(|call| {
        let errnos = strace::errnos(&call.name).iter();
        errnos.map(|errno| (call.clone(), Fault::Errno(errno)))
    });
    let kills = some(kills.collect(), points / 2, random);
    let errnos = some(errnos.collect(), points - kills.len(), random);
    some([kills, errnos].concat(), points, random)
}

/// So many of them, in random order.
fn some<T>(mut all: Vec<T>, count: usize, random: &mut Random) -> Vec<T> {
    let mut chosen = Vec::new();
    while chosen.len() < count && !all.is_empty() {
        chosen.push(all.swap_remove(random.index(all.len())));
    }
    chosen
}

impl Rig<'_> {
    fn new(scenario: &Scenario) -> Result<Rig<'_>> {
        let scratch = world::scratch()?;
        let worlds = &scenario.world;
        let pristine = scratch.path().join("pristine");
        worlds.prepare(&pristine)?;
        let (before, broken) = worlds.state(&pristine);
        let counted = world::copy(&pristine, &scratch.path().join("world"), worlds.shared())?;
        let log = scratch.path().join("strace");
        let calls = strace::calls(&scenario.command(&counted), &counted, &log)?;
        let (after, broken_after) = worlds.state(&counted);
        let mut broken = [broken, broken_after].concat();
        // Its name is gone then, as it is at every point.
        drop(reader(scenario, &counted)?);
        broken.extend(again(scenario, &counted)?);
        broken.extend(worlds.residue(&counted, None));
        let listing = worlds.listing(&counted)?;
        std::fs::remove_dir_all(&counted)?;
        if !broken.is_empty() {
            return Err(format!("{}, undisturbed: {}", scenario.name, broken.join("; ")).into());
        }
        Ok(Rig {
            scenario,
            scratch,
            before,
            after,
            listing,
            calls,
        })
    }

    /// One disturbed run in a fresh copy of the world, and everything that is wrong afterwards.
    fn point(&self, call: &Call, fault: Fault) -> Result<(Outcome, Vec<String>)> {
        // The same folder every time: calls are counted, and some programs make more of them in longer paths.
        let world = self.scratch.path().join("world");
        let pristine = self.scratch.path().join("pristine");
        world::copy(&pristine, &world, self.scenario.world.shared())?;
        let reader = reader(self.scenario, &world)?;
        let log = self.scratch.path().join("strace");
        let command = self.scenario.command(&world);
        let outcome = strace::disturb(&command, call, fault, &log)?;
        let mut flaws = Vec::new();
        if outcome.fired {
            flaws.extend(judge_report(&outcome, fault));
            flaws.extend(judge_sync(&outcome));
            flaws.extend(judge_reader(reader));
            flaws.extend(self.judge(&world, outcome.success));
            flaws.extend(self.judge_again(&world)?);
        }
        std::fs::remove_dir_all(&world)?;
        Ok((outcome, flaws))
    }

    /// Each name is as before or as it should become; nothing visible is broken.
    fn judge(&self, world: &Path, success: bool) -> Vec<String> {
        let (state, mut flaws) = self.scenario.world.state(world);
        let names: BTreeSet<_> = [&self.before, &self.after, &state]
            .iter()
            .flat_map(|state| state.keys())
            .collect();
        for name in names {
            let [found, before, after] =
                [&state, &self.before, &self.after].map(|state| state.get(name));
            let before = before.filter(|_| !self.taken_by_reader(name));
            let after = after.filter(|_| !self.taken_by_reader(name));
            if found != after && (success || found != before) {
                flaws.push(format!(
                    "{name}: {found:?}, was {before:?}, becomes {after:?}"
                ));
            }
        }
        flaws
    }

    fn taken_by_reader(&self, name: &str) -> bool {
        self.scenario.reader && name == format!("store {}", world::old(2))
    }

    /// The command, done again, succeeds and leaves what it always leaves, and nothing half done stays behind.
    fn judge_again(&self, world: &Path) -> Result<Vec<String>> {
        let mut flaws = again(self.scenario, world)?;
        flaws.extend(self.judge(world, true));
        flaws.extend(self.scenario.world.residue(world, Some(&self.listing)));
        Ok(flaws)
    }
}

/// An image that a program holds on to while its name goes away.
fn reader(scenario: &Scenario, world: &Path) -> Result<Option<(Arc<Local>, Image)>> {
    if !scenario.reader {
        return Ok(None);
    }
    let store = Local::open(&world.join(world::STORE))?;
    let image = store.find(&world::old(2))?.ok_or("nothing to read")?;
    store.remove(&world::old(2))?;
    Ok(Some((store, image)))
}

/// Does the command once more, and thoroughly where it can be; says what went wrong.
fn again(scenario: &Scenario, world: &Path) -> Result<Vec<String>> {
    let mut flaws = Vec::new();
    for mut command in [Some(scenario.command(world)), scenario.thorough(world)]
        .into_iter()
        .flatten()
    {
        let output = finish(&mut command)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            flaws.push(format!("again: {}: {}", output.status, text.trim()));
        }
    }
    Ok(flaws)
}

fn judge_reader(reader: Option<(Arc<Local>, Image)>) -> Option<String> {
    let (_store, image) = reader?;
    let error = images::verify(&image).err()?;
    Some(format!("the reader: {}", text(&error)))
}

/// What the disk refused to sync is never trusted again, and one such refusal is got over.
fn judge_sync(outcome: &Outcome) -> Vec<String> {
    let trusted = outcome.trusted.iter();
    let mut flaws: Vec<_> = trusted
        .map(|path| format!("{path} went on after its sync had failed"))
        .collect();
    if !outcome.unsynced.is_empty() && !outcome.success {
        flaws.push(format!("{:?} was not written anew", outcome.unsynced));
    }
    flaws
}

/// A command that fails says which error it met.
fn judge_report(outcome: &Outcome, fault: Fault) -> Option<String> {
    let Fault::Errno(errno) = fault else {
        return None;
    };
    let text = outcome.stderr.trim();
    let told = text.contains(strace::words(errno)) && !text.contains("panicked");
    (!outcome.success && !told).then(|| format!("it failed with the text {text:?}"))
}
