//! The process in which one target runs: with little memory, and the input that it is at in a file.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::mutate::mutate;
use crate::target::Target;
use crate::{Random, Result};

/// What all decoders may take on top of what the samples need, in bytes of address space.
const MEMORY: u64 = 64 << 20;
/// Samples that had an outcome of their own.
const SAMPLES: usize = 4_000;
/// Before the bytes of the input: how many inputs there were, and how many bytes this one has.
pub(crate) const HEAD: usize = 16;

/// Runs a target on changed samples for so long and prints how often; an untrue outcome ends it with a panic, as a bug does.
pub fn run(target: &dyn Target, seconds: u64, seed: u64, input: &Path) -> Result<()> {
    let mut samples = target.samples()?;
    let mut random = Random::new(seed);
    let file = File::create(input)?;
    limit_memory()?;
    let mut outcomes = BTreeSet::new();
    let mut executed = 0_u64;
    for sample in &samples {
        try_one(target, sample, &file, executed)?;
        executed += 1;
    }
    let real = samples.len();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(seconds) {
        let mut changed = samples[random.index(samples.len())].clone();
        let other = &samples[random.index(samples.len())];
        mutate(&mut changed, other, &mut random);
        target.mend(&mut changed, &mut random);
        let outcome = try_one(target, &changed, &file, executed)?;
        executed += 1;
        if samples.len() < SAMPLES && outcomes.insert(outcome) {
            samples.push(changed);
        }
    }
    let found = samples.len() - real;
    println!("{executed} inputs from {real} samples, {found} outcomes");
    Ok(())
}

/// Tries what is in a file, with as little memory: an input that ended a run before.
pub fn again(target: &dyn Target, input: &Path) -> Result<()> {
    let input = std::fs::read(input)?;
    limit_memory()?;
    let outcome = target.run(&input)?;
    println!("{outcome}");
    Ok(())
}

fn try_one(target: &dyn Target, input: &[u8], file: &File, number: u64) -> Result<String> {
    // Two writes to a file in memory: a microsecond each.
    file.write_all_at(input, HEAD as u64)?;
    let head = [number, input.len() as u64].map(u64::to_le_bytes).concat();
    file.write_all_at(&head, 0)?;
    match target.run(input) {
        Ok(outcome) => Ok(outcome),
        Err(untrue) => panic!("untrue: {untrue}"),
    }
}

/// From now on only so much can be allocated; what asks for more is aborted.
fn limit_memory() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let used = used.and_then(|used| used.trim().strip_suffix(" kB"));
    let used: u64 = used.ok_or("no size of this process")?.parse()?;
    let limit = (used << 10) + MEMORY;
    let maximum = getrlimit(Resource::As).maximum;
    let limit = Rlimit {
        current: Some(limit),
        maximum,
    };
    Ok(setrlimit(Resource::As, limit)?)
}
