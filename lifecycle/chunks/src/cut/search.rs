//! FastCDC (2020) with the tables and masks of crate `fastcdc`, in a loop that goes on where the bytes ended.
//!
//! The crate's own functions start over with every call: to find one end they want 1 MiB of bytes ahead.

use std::borrow::Cow;

use fastcdc::v2020::{Normalization, get_gear_with_seed, select_masks};

const MIN: usize = 65_536;
const AVERAGE: usize = 262_144;
pub(super) const MAX: usize = 1_048_576;
const LEVEL: Normalization = Normalization::Level1;
const SEED: u64 = 0;

/// Looks for the end of a chunk in a content.
pub(super) struct Search {
    /// Bytes of the chunk that were looked at or need not be; even.
    seen: usize,
    hash: u64,
    /// A number for each byte, and the same shifted left by one bit: so two bytes cost one shift of the hash.
    gear: Cow<'static, [u64]>,
    gear_shifted: Cow<'static, [u64]>,
    /// Before the average.
    strict: u64,
    /// From the average on.
    loose: u64,
}

impl Search {
    pub(super) fn new() -> Search {
        let (gear, gear_shifted) = get_gear_with_seed(SEED);
        let (strict, loose) = select_masks(AVERAGE, LEVEL);
        Search {
            seen: MIN,
            hash: 0,
            gear,
            gear_shifted,
            strict,
            loose,
        }
    }

    /// Another chunk begins.
    pub(super) fn restart(&mut self) {
        self.seen = MIN;
        self.hash = 0;
    }

    /// How many of the first bytes are the chunk; `None` when it does not end in them. `chunk` is what the call before had, or more.
    pub(super) fn end(&mut self, chunk: &[u8]) -> Option<usize> {
        let there = chunk.len().min(MAX);
        let Search { strict, loose, .. } = *self;
        self.look(&chunk[..there.min(AVERAGE)], strict)
            .or_else(|| self.look(&chunk[..there], loose))
            .or_else(|| (there == MAX).then_some(MAX))
    }

    /// Goes on in pairs, so the last byte of an odd number ends nothing: the crate does the same.
    fn look(&mut self, bytes: &[u8], mask: u64) -> Option<usize> {
        let gear = table(&self.gear);
        let gear_shifted = table(&self.gear_shifted);
        let (mut seen, mut hash) = (self.seen, self.hash);
        for pair in bytes.get(seen..)?.chunks_exact(2) {
            hash = (hash << 2).wrapping_add(gear_shifted[usize::from(pair[0])]);
            if hash & (mask << 1) == 0 {
                return Some(seen);
            }
            hash = hash.wrapping_add(gear[usize::from(pair[1])]);
            if hash & mask == 0 {
                return Some(seen + 1);
            }
            seen += 2;
        }
        (self.seen, self.hash) = (seen, hash);
        None
    }
}

/// With a size that the compiler knows a byte needs no check.
fn table(numbers: &[u64]) -> &[u64; 256] {
    numbers.try_into().expect("there is a number for each byte")
}
