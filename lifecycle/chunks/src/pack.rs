//! A pack (FORMAT, `docs/formats/chunks.md`, Packs): segments back to back, each after a head that says what it is.
//!
//! The heads make a pack its own backup: an idx that is lost or broken is made anew from them, and what a truncated or damaged
//! pack still holds is found up to the last byte. A table at the end of the pack would be gone with the end.

mod salvage;
mod writer;

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::idx::Entry;
use crate::limits::{CHUNK_BYTES, SEGMENT_BYTES};
use crate::{ChunkId, Error, ErrorKind, Result};

pub(crate) use salvage::salvage;
#[cfg(test)]
pub(crate) use writer::Step;
pub use writer::{PackWriter, Sealed};

pub(crate) const FORMAT: u16 = 1;
/// How segments are compressed: libdeflate 1.26, level 6.
pub(crate) const CODEC: u16 = 1;
const MAGIC: [u8; 4] = *b"SWPK";
/// Bytes before the first record.
pub(crate) const HEAD_BYTES: usize = 8;
/// Bytes before each segment.
pub(crate) const RECORD_HEAD_BYTES: usize = 46;
pub(crate) const FIRST_SEGMENT_AT: u64 = (HEAD_BYTES + RECORD_HEAD_BYTES) as u64;
/// Offsets have five bytes.
const PACK_BYTES: u64 = 1 << 40;

pub(crate) fn head() -> [u8; HEAD_BYTES] {
    let ([m0, m1, m2, m3], [f0, f1], [c0, c1]) = (MAGIC, FORMAT.to_le_bytes(), CODEC.to_le_bytes());
    [m0, m1, m2, m3, f0, f1, c0, c1]
}

/// What stands before the segment of `entry`: id, sizes, checksum of the segment, and a checksum of these and of the place, so that
/// bytes which look like a record elsewhere are none.
pub(crate) fn record_head(entry: &Entry) -> [u8; RECORD_HEAD_BYTES] {
    let mut head = [0; RECORD_HEAD_BYTES];
    head[..32].copy_from_slice(entry.id.as_bytes());
    head[32..35].copy_from_slice(&entry.raw_bytes.to_le_bytes()[..3]);
    head[35..38].copy_from_slice(&entry.segment_bytes.to_le_bytes()[..3]);
    head[38..42].copy_from_slice(&entry.crc32.to_le_bytes());
    let check = place_check(&head, entry.offset);
    head[42..].copy_from_slice(&check.to_le_bytes());
    head
}

/// The record whose head this is, when its segment starts at `offset`.
pub(crate) fn read_record_head(head: &[u8; RECORD_HEAD_BYTES], offset: u64) -> Option<Entry> {
    if head[42..] != place_check(head, offset).to_le_bytes() {
        return None;
    }
    let (id, rest) = head.split_first_chunk::<32>()?;
    let [r0, r1, r2, s0, s1, s2, c0, c1, c2, c3, ..] = *rest else {
        return None;
    };
    let entry = Entry {
        id: ChunkId::from_bytes(*id),
        offset,
        raw_bytes: u32::from_le_bytes([r0, r1, r2, 0]),
        segment_bytes: u32::from_le_bytes([s0, s1, s2, 0]),
        crc32: u32::from_le_bytes([c0, c1, c2, c3]),
    };
    sizes_are_possible(entry.raw_bytes, usize::try_from(entry.segment_bytes).ok()?).then_some(entry)
}

/// Whether what stands before the segment is what was written there.
pub(crate) fn has_head(file: &File, entry: &Entry) -> bool {
    let mut head = [0; RECORD_HEAD_BYTES];
    let at = entry.offset.checked_sub(to_u64(RECORD_HEAD_BYTES));
    at.is_some_and(|at| file.read_exact_at(&mut head, at).is_ok()) && head == record_head(entry)
}

/// Whose pack this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadIs {
    Ours,
    OfAnotherFormat,
    Nothing,
}

pub(crate) fn head_of(file: &File) -> HeadIs {
    let mut bytes = [0; HEAD_BYTES];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) if bytes == head() => HeadIs::Ours,
        Ok(()) if bytes.starts_with(&MAGIC) => HeadIs::OfAnotherFormat,
        _ => HeadIs::Nothing,
    }
}

/// Whether a segment holds the chunk, for those checks that do not trust a checksum of 32 bits.
pub(crate) fn is_chunk(id: ChunkId, raw_bytes: u32, segment: &[u8]) -> bool {
    crate::inflate(segment, raw_bytes).is_ok_and(|raw| ChunkId::of(&raw) == id)
}

pub(crate) fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn place_check(head: &[u8; RECORD_HEAD_BYTES], offset: u64) -> u32 {
    let mut check = crc32fast::Hasher::new();
    check.update(&offset.to_le_bytes());
    check.update(&head[..42]);
    check.finalize()
}

fn sizes_are_possible(raw_bytes: u32, segment_bytes: usize) -> bool {
    usize::try_from(raw_bytes).is_ok_and(|bytes| bytes <= CHUNK_BYTES)
        && segment_bytes <= SEGMENT_BYTES
}

/// The entry of a segment that is put at `offset`.
fn entry(id: ChunkId, offset: u64, raw_bytes: u32, segment: &[u8]) -> Result<Entry> {
    let too_large = |what: String| Error::new(ErrorKind::TooLarge, what);
    if !sizes_are_possible(raw_bytes, segment.len()) {
        let segment_bytes = segment.len();
        return Err(too_large(format!(
            "a chunk of {raw_bytes} bytes in a segment of {segment_bytes}"
        )));
    }
    let segment_bytes = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    if offset + u64::from(segment_bytes) >= PACK_BYTES {
        return Err(too_large(format!("a pack of {PACK_BYTES} bytes")));
    }
    Ok(Entry {
        id,
        offset,
        raw_bytes,
        segment_bytes,
        crc32: crc32fast::hash(segment),
    })
}
