//! The idx of a pack (FORMAT, `docs/formats/chunks.md`, Packs): which chunks a pack holds, sorted by id.
//!
//! Opening checks sizes and the fanout; every entry is checked when it is used; the checksum of the whole is for `verify`.

use std::fmt;

use crate::limits::{CHUNK_BYTES, SEGMENT_BYTES};
use crate::pack;
use crate::{ChunkId, Error, ErrorKind, Result};

const MAGIC: [u8; 4] = *b"SWIX";
const HEAD_BYTES: usize = 16;
const FANOUT: usize = 256;
const ENTRIES_AT: usize = HEAD_BYTES + 4 * FANOUT;
const ENTRY_BYTES: usize = 48;
const HASH_BYTES: usize = 32;

/// What a pack is called: BLAKE3-256 of its idx without the last 32 bytes, which are this very hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId([u8; 32]);

impl PackId {
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 64 digits of lower-case hex.
    pub fn from_hex(hex: &str) -> Option<PackId> {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
            return None;
        };
        let bytes: Option<Vec<u8>> = pairs
            .iter()
            .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
            .collect();
        Some(PackId(bytes?.try_into().ok()?))
    }
}

/// Lower-case hex, 64 digits.
impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackId({self})")
    }
}

/// One segment of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: ChunkId,
    /// Where the segment starts in the pack.
    pub(crate) offset: u64,
    pub(crate) raw_bytes: u32,
    pub(crate) segment_bytes: u32,
    /// Of the segment's bytes.
    pub(crate) crc32: u32,
}

impl Entry {
    fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let (id, rest) = bytes.split_at_mut(32);
        id.copy_from_slice(self.id.as_bytes());
        rest[0..5].copy_from_slice(&self.offset.to_le_bytes()[..5]);
        rest[5..8].copy_from_slice(&self.raw_bytes.to_le_bytes()[..3]);
        rest[8..11].copy_from_slice(&self.segment_bytes.to_le_bytes()[..3]);
        rest[11..15].copy_from_slice(&self.crc32.to_le_bytes());
        bytes
    }

    /// `None` when it is not one that a writer makes for a pack of `pack_bytes` bytes.
    fn read(bytes: &[u8; ENTRY_BYTES], pack_bytes: u64) -> Option<Entry> {
        let (id, rest) = bytes.split_first_chunk::<32>()?;
        let [
            o0,
            o1,
            o2,
            o3,
            o4,
            r0,
            r1,
            r2,
            s0,
            s1,
            s2,
            c0,
            c1,
            c2,
            c3,
            0,
        ] = *rest
        else {
            return None;
        };
        let entry = Entry {
            id: ChunkId::from_bytes(*id),
            offset: u64::from_le_bytes([o0, o1, o2, o3, o4, 0, 0, 0]),
            raw_bytes: u32::from_le_bytes([r0, r1, r2, 0]),
            segment_bytes: u32::from_le_bytes([s0, s1, s2, 0]),
            crc32: u32::from_le_bytes([c0, c1, c2, c3]),
        };
        let possible = entry.offset >= pack::FIRST_SEGMENT_AT
            && entry.offset + u64::from(entry.segment_bytes) <= pack_bytes
            && usize::try_from(entry.raw_bytes).is_ok_and(|bytes| bytes <= CHUNK_BYTES)
            && usize::try_from(entry.segment_bytes).is_ok_and(|bytes| bytes <= SEGMENT_BYTES);
        possible.then_some(entry)
    }
}

/// Makes the idx of a pack of `pack_bytes` bytes; the same entries in any order make the same idx.
pub(crate) fn encode(entries: &mut [Entry], pack_bytes: u64) -> Result<(PackId, Vec<u8>)> {
    entries.sort_unstable_by_key(|entry| entry.id);
    let mut counts = [0u32; FANOUT];
    for entry in entries.iter() {
        let count = &mut counts[usize::from(entry.id.as_bytes()[0])];
        *count = count.checked_add(1).ok_or_else(too_many)?;
    }
    let mut bytes = Vec::with_capacity(ENTRIES_AT + entries.len() * ENTRY_BYTES + HASH_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&pack::FORMAT.to_le_bytes());
    bytes.extend_from_slice(&pack::CODEC.to_le_bytes());
    bytes.extend_from_slice(&pack_bytes.to_le_bytes());
    let mut sum = 0u32;
    for count in counts {
        sum = sum.checked_add(count).ok_or_else(too_many)?;
        bytes.extend_from_slice(&sum.to_le_bytes());
    }
    for entry in entries.iter() {
        bytes.extend_from_slice(&entry.bytes());
    }
    let id = PackId(*blake3::hash(&bytes).as_bytes());
    bytes.extend_from_slice(id.as_bytes());
    Ok((id, bytes))
}

fn too_many() -> Error {
    Error::new(
        ErrorKind::TooLarge,
        "a pack of more than 4,294,967,295 chunks",
    )
}

/// An idx whose sizes fit together.
#[derive(Debug)]
pub(crate) struct Idx<B> {
    id: PackId,
    pack_bytes: u64,
    bytes: B,
}

impl<B: AsRef<[u8]>> Idx<B> {
    /// Fails with `Malformed` when `bytes` cannot be the idx `id`, with `Unsupported` when they are, in a format or codec that a
    /// newer slipway wrote.
    pub(crate) fn open(id: PackId, bytes: B) -> Result<Idx<B>> {
        let pack_bytes = check(id, bytes.as_ref())?;
        Ok(Idx {
            id,
            pack_bytes,
            bytes,
        })
    }

    pub(crate) fn id(&self) -> PackId {
        self.id
    }

    /// Bytes that the pack had when this idx was made.
    pub(crate) fn pack_bytes(&self) -> u64 {
        self.pack_bytes
    }

    /// Bytes of the idx itself.
    pub(crate) fn own_bytes(&self) -> usize {
        self.bytes.as_ref().len()
    }

    pub(crate) fn count(&self) -> usize {
        self.raw_entries().len()
    }

    pub(crate) fn find(&self, id: ChunkId) -> Option<Entry> {
        let entries = self.raw_entries();
        let first = id.as_bytes()[0];
        let start = first.checked_sub(1).map_or(0, |before| self.up_to(before));
        let same_first = entries.get(start..self.up_to(first))?;
        let at = same_first
            .binary_search_by(|entry| entry[..32].cmp(id.as_bytes()))
            .ok()?;
        Entry::read(same_first.get(at)?, self.pack_bytes)
    }

    /// Sorted by id; entries that no writer makes are left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.raw_entries()
            .iter()
            .filter_map(|entry| Entry::read(entry, self.pack_bytes))
    }

    /// The first four bytes of each id, sorted; also of entries that no writer makes.
    pub(crate) fn tags(&self) -> impl Iterator<Item = u32> + '_ {
        let tag = |entry: &[u8; ENTRY_BYTES]| entry.first_chunk().copied().map(u32::from_be_bytes);
        self.raw_entries().iter().filter_map(tag)
    }

    /// The entries in the order of their segments.
    pub(crate) fn by_offset(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self.entries().collect();
        entries.sort_unstable_by_key(|entry| entry.offset);
        entries
    }

    /// Whether every byte is the one that was written. Reads the whole idx: 5 GB/s.
    pub(crate) fn is_sound(&self) -> bool {
        has_hash(self.id, self.bytes.as_ref())
    }

    fn raw_entries(&self) -> &[[u8; ENTRY_BYTES]] {
        let bytes = self.bytes.as_ref();
        let entries = bytes
            .len()
            .checked_sub(HASH_BYTES)
            .and_then(|end| bytes.get(ENTRIES_AT..end));
        entries.unwrap_or_default().as_chunks().0
    }

    /// How many entries have an id with a first byte of at most `first`.
    fn up_to(&self, first: u8) -> usize {
        fanout(self.bytes.as_ref(), usize::from(first)).unwrap_or(0)
    }
}

/// The length of the pack, when magic, sizes, fanout and the hash at the end fit.
fn check(id: PackId, bytes: &[u8]) -> Result<u64> {
    let malformed = |what: &str| Error::malformed(format!("idx of pack {id}: {what}"));
    let Some((&[m0, m1, m2, m3, f0, f1, c0, c1, length @ ..], _)) =
        bytes.split_first_chunk::<HEAD_BYTES>()
    else {
        return Err(malformed("it is shorter than its head"));
    };
    if [m0, m1, m2, m3] != MAGIC {
        return Err(malformed("it does not begin as one"));
    }
    if !bytes.ends_with(id.as_bytes()) {
        return Err(malformed("its name is not its checksum"));
    }
    let (format, codec) = (u16::from_le_bytes([f0, f1]), u16::from_le_bytes([c0, c1]));
    if (format, codec) != (pack::FORMAT, pack::CODEC) {
        return Err(newer_or_broken(id, bytes, format, codec));
    }
    let count = (bytes.len())
        .checked_sub(ENTRIES_AT + HASH_BYTES)
        .filter(|entries| entries.is_multiple_of(ENTRY_BYTES))
        .map(|entries| entries / ENTRY_BYTES)
        .ok_or_else(|| malformed("its length is that of no idx"))?;
    let counts: Option<Vec<usize>> = (0..FANOUT).map(|first| fanout(bytes, first)).collect();
    match counts {
        Some(counts) if counts.is_sorted() && counts.last() == Some(&count) => {
            Ok(u64::from_le_bytes(length))
        }
        _ => Err(malformed("its fanout does not fit its entries")),
    }
}

/// In any format an idx ends with the BLAKE3 of what stands before, so that bit rot is not taken for a newer format.
fn newer_or_broken(id: PackId, bytes: &[u8], format: u16, codec: u16) -> Error {
    if has_hash(id, bytes) {
        let text =
            format!("pack {id} has format {format} and codec {codec}, made by a newer slipway");
        return Error::new(ErrorKind::Unsupported, text);
    }
    Error::malformed(format!(
        "idx of pack {id}: its bytes are not those of its name"
    ))
}

fn has_hash(id: PackId, bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<HASH_BYTES>()
        .is_some_and(|(content, hash)| {
            hash == id.as_bytes() && blake3::hash(content).as_bytes() == hash
        })
}

fn fanout(bytes: &[u8], first: usize) -> Option<usize> {
    let at = HEAD_BYTES + 4 * first;
    let count = bytes.get(at..at + 4)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*count)).ok()
}

#[cfg(test)]
mod tests;
