//! What was recorded, and the disks that a power loss at some moment could leave of it.

use crate::{Disk, Event, Random};

/// Of the blocks that were written after the last flush, so many of 100 reached the disk.
const KEPT_PERCENT: [u64; 4] = [0, 30, 60, 90];

/// A disk as it was, and everything that happened to it since.
pub struct Recording {
    base: Disk,
    events: Vec<Event>,
    /// Indexes into `events`: a power loss falls between two of them. The first is the beginning.
    flushes: Vec<usize>,
}

/// A moment of power loss: after flush number `flush` and before the next one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    pub flush: usize,
    pub kept_percent: u64,
    seed: u64,
}

impl Recording {
    pub fn new(base: Disk, events: Vec<Event>) -> Recording {
        let flushes = events
            .iter()
            .enumerate()
            .filter(|(_, event)| matches!(event, Event::Flush))
            .map(|(index, _)| index + 1);
        Recording {
            base,
            flushes: std::iter::once(0).chain(flushes).collect(),
            events,
        }
    }

    pub fn flushes(&self) -> usize {
        self.flushes.len() - 1
    }

    pub fn writes(&self) -> usize {
        self.count(|event| matches!(event, Event::Write { .. }))
    }

    pub fn acknowledged(&self) -> usize {
        self.count(|event| matches!(event, Event::Done { .. }))
    }

    fn count(&self, of: impl Fn(&&Event) -> bool) -> usize {
        self.events.iter().filter(of).count()
    }

    /// Random moments, in order.
    pub fn cuts(&self, count: usize, random: &mut Random) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = (0..count)
            .map(|_| Cut {
                flush: random.index(self.flushes.len()),
                kept_percent: KEPT_PERCENT[random.index(KEPT_PERCENT.len())],
                seed: random.number(),
            })
            .collect();
        cuts.sort();
        cuts
    }

    /// The disk after a power loss.
    pub fn disk(&self, cut: &Cut) -> Disk {
        let mut disk = self.base.clone();
        let (durable, lost) = self.events[..self.end(cut)].split_at(self.flushes[cut.flush]);
        let mut random = Random::new(cut.seed);
        for event in durable {
            apply(event, &mut disk);
        }
        for event in lost {
            if random.percent(cut.kept_percent) {
                apply(event, &mut disk);
            }
        }
        disk
    }

    /// How many steps each of the writers was told to be done before the power loss.
    pub fn done(&self, cut: &Cut, writers: usize) -> Vec<usize> {
        let mut done = vec![0; writers];
        for event in &self.events[..self.end(cut)] {
            if let Event::Done { writer, step } = event {
                done[*writer] = step + 1;
            }
        }
        done
    }

    /// The latest moment between two flushes: nothing more is durable than at the earliest, and most is promised.
    fn end(&self, cut: &Cut) -> usize {
        let next = self.flushes.get(cut.flush + 1);
        next.map_or(self.events.len(), |flush| flush - 1)
    }
}

fn apply(event: &Event, disk: &mut Disk) {
    if let Event::Write { offset, bytes } = event {
        disk.write(*offset, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(block: u64) -> Event {
        Event::Write {
            offset: block * crate::BLOCK_BYTES,
            bytes: Box::new([1; 4096]),
        }
    }

    fn written(disk: &Disk) -> Vec<u64> {
        let mut byte = [0];
        (0..8)
            .filter(|block| {
                disk.read(block * crate::BLOCK_BYTES, &mut byte);
                byte[0] == 1
            })
            .collect()
    }

    fn example() -> Recording {
        let done = |step| Event::Done { writer: 0, step };
        let events = vec![
            write(0),
            Event::Flush,
            done(0),
            write(1),
            write(2),
            done(1),
            Event::Flush,
            write(3),
        ];
        Recording::new(Disk::empty(1 << 20), events)
    }

    #[test]
    fn a_cut_keeps_what_was_flushed_and_promises_what_was_acknowledged_before_the_next_flush() {
        let cut = |flush, kept_percent| Cut {
            flush,
            kept_percent,
            seed: 1,
        };
        let recording = example();
        let check = |cut: Cut, blocks: &[u64], done: usize| {
            assert_eq!(written(&recording.disk(&cut)), blocks, "{cut:?}");
            assert_eq!(recording.done(&cut, 1), [done], "{cut:?}");
        };
        check(cut(0, 0), &[], 0);
        check(cut(1, 0), &[0], 2);
        check(cut(1, 100), &[0, 1, 2], 2);
        check(cut(2, 0), &[0, 1, 2], 2);
        check(cut(2, 100), &[0, 1, 2, 3], 2);
    }

    #[test]
    fn the_same_cut_is_the_same_disk() {
        let recording = example();
        for cut in recording.cuts(50, &mut Random::new(3)) {
            assert_eq!(
                written(&recording.disk(&cut)),
                written(&recording.disk(&cut))
            );
        }
    }
}
