//! What the writers do, step by step, and what a store must then hold: a pure function of a seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::{Digest, Memory, Store};

use crate::{Random, Result, images};

/// Names of one writer.
const NAMES: usize = 4;
/// Images of all writers: few, so that they share blobs.
const IMAGES: u64 = 12;

/// One command's work; each opens the store anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Writes an image and gives it a name, which another one may have had.
    Publish {
        name: usize,
        image: u64,
    },
    /// Writes an image into a layout of its own.
    Export {
        name: usize,
        image: u64,
    },
    Remove {
        name: usize,
    },
    Collect,
}

/// The steps of one writer. The last one collects.
pub fn steps(seed: u64, writer: usize, count: usize) -> Vec<Step> {
    let mut random = Random::new(seed ^ ((writer as u64 + 1) << 32));
    let mut steps: Vec<Step> = (1..count).map(|_| step(&mut random)).collect();
    steps.push(Step::Collect);
    steps
}

fn step(random: &mut Random) -> Step {
    let name = random.index(NAMES);
    let image = random.below(IMAGES);
    match random.below(10) {
        0..6 => Step::Publish { name, image },
        6 => Step::Export { name, image },
        7..9 => Step::Remove { name },
        _ => Step::Collect,
    }
}

/// Where an image can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Store { name: usize },
    Layout { name: usize },
}

/// What a place may hold: each element is an image, or nothing. More than one while a step is being done.
pub type Allowed = Vec<Option<u64>>;

/// What the places of one writer may hold after `done` steps, the next one perhaps half done.
pub fn allowed(steps: &[Step], done: usize) -> BTreeMap<Place, Allowed> {
    let mut allowed: BTreeMap<Place, Allowed> = (0..NAMES)
        .flat_map(|name| [Place::Store { name }, Place::Layout { name }])
        .map(|place| (place, vec![None]))
        .collect();
    for step in &steps[..done] {
        if let Some((place, image)) = effect(*step) {
            allowed.insert(place, vec![image]);
        }
    }
    if let Some((place, image)) = steps.get(done).and_then(|step| effect(*step)) {
        allowed.entry(place).or_default().push(image);
    }
    allowed
}

fn effect(step: Step) -> Option<(Place, Option<u64>)> {
    match step {
        Step::Publish { name, image } => Some((Place::Store { name }, Some(image))),
        Step::Export { name, image } => Some((Place::Layout { name }, Some(image))),
        Step::Remove { name } => Some((Place::Store { name }, None)),
        Step::Collect => None,
    }
}

/// The digests of all images that a plan may name, by their number.
pub fn digests() -> Result<Vec<Digest>> {
    let memory: Arc<dyn Store> = Memory::new();
    (0..IMAGES)
        .map(|seed| Ok(images::image(seed, &memory)?.digest()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_done_step_allows_the_old_and_the_new() {
        let steps = [
            Step::Publish { name: 1, image: 5 },
            Step::Publish { name: 1, image: 6 },
            Step::Remove { name: 1 },
            Step::Collect,
        ];
        let place = Place::Store { name: 1 };
        let check = |done, expected: &[Option<u64>]| {
            assert_eq!(allowed(&steps, done)[&place], expected, "{done} done");
        };
        check(0, &[None, Some(5)]);
        check(1, &[Some(5), Some(6)]);
        check(2, &[Some(6), None]);
        check(3, &[None]);
        check(4, &[None]);
    }
}
