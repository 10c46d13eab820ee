//! Which of many packs may hold a chunk: one look in memory instead of a search in each idx.

use std::sync::Arc;

use super::listing::Listed;
use crate::ChunkId;

/// Eight bytes of memory for each. A store of 300 GB; what is larger is searched pack by pack.
const CHUNKS_MAX: usize = 8 << 20;
const BUCKET_CHUNKS: usize = 8;

/// The first four bytes of every id of some packs, in buckets by their first bits.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) packs: Vec<Arc<Listed>>,
    /// A bucket is named by so many first bits.
    bits: u32,
    /// Where each bucket starts in `chunks`, and where the last one ends.
    starts: Vec<u32>,
    chunks: Vec<Tagged>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tagged {
    tag: u32,
    /// Place in `packs`.
    pack: u32,
}

impl Catalog {
    /// Reads every idx once. `None` when there are too many chunks.
    pub(super) fn new(packs: Vec<Arc<Listed>>) -> Option<Catalog> {
        let count: usize = packs.iter().map(|pack| pack.idx.count()).sum();
        if count > CHUNKS_MAX {
            return None;
        }
        let bits = (count / BUCKET_CHUNKS).next_power_of_two().trailing_zeros();
        let mut ends = vec![0u32; (1 << bits) + 1];
        for tag in packs.iter().flat_map(|pack| pack.idx.tags()) {
            ends[bucket(tag, bits)] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        // Filled from the end of each bucket, the ends become starts.
        let mut chunks = vec![Tagged::default(); count];
        for (pack, place) in packs.iter().zip(0u32..) {
            for tag in pack.idx.tags() {
                let end = &mut ends[bucket(tag, bits)];
                *end -= 1;
                chunks[usize::try_from(*end).ok()?] = Tagged { tag, pack: place };
            }
        }
        Some(Catalog {
            packs,
            bits,
            starts: ends,
            chunks,
        })
    }

    /// Places of packs that may hold the chunk: those that do, and one in some thousands that does not.
    pub(super) fn candidates(&self, id: ChunkId) -> impl Iterator<Item = usize> + '_ {
        let tag = tag_of(id);
        let at = bucket(tag, self.bits);
        let range = || {
            let start = usize::try_from(*self.starts.get(at)?).ok()?;
            let end = usize::try_from(*self.starts.get(at + 1)?).ok()?;
            self.chunks.get(start..end)
        };
        let same_bucket = range().unwrap_or_default().iter();
        same_bucket
            .filter(move |chunk| chunk.tag == tag)
            .filter_map(|chunk| usize::try_from(chunk.pack).ok())
    }
}

fn tag_of(id: ChunkId) -> u32 {
    let [a, b, c, d, ..] = *id.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn bucket(tag: u32, bits: u32) -> usize {
    usize::try_from(u64::from(tag) >> (u32::BITS - bits)).unwrap_or(0)
}
