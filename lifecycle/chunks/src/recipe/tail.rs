//! The bytes behind the last segment of a blob.
//!
//! Everything here but the trailer of the blob itself is members of gzip that hold no byte: what they carry is in their headers,
//! as an extra field. Readers that stop after the first member and those that go on give the same bytes.

use crate::limits::{CHUNK_BYTES, DEFLATE_RATIO, INDEX_BYTES, SEGMENT_BYTES};
use crate::recipe::tree::{self, ITEM};
use crate::segment::END;
use crate::{ChunkId, Error, ErrorKind, Piece, Recipe, Result};

/// The end of the deflate stream, its CRC-32 and the number of raw bytes modulo 2^32.
pub(super) const TRAILER_BYTES: usize = 10;
/// Before the extra field of a member: flag FEXTRA, no time, unknown system.
const MEMBER_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff];
const FIELD: [u8; 2] = *b"SW";
/// An empty stream with the CRC-32 and length of nothing.
const MEMBER_END: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Head, length of the extra field, name and length of its only part.
const MEMBER_START_BYTES: usize = MEMBER_HEAD.len() + 6;
/// What a member has beside its content.
const MEMBER_BYTES: usize = MEMBER_START_BYTES + MEMBER_END.len();
/// Whole entries in at most 65,000 bytes.
const MEMBER_ENTRIES: usize = 65_000 / ITEM;

const MAGIC: [u8; 8] = *b"SWCHUNKS";
const FORMAT: u16 = 1;
/// libdeflate 1.26, level 6.
const CODEC: u16 = 1;
/// Magic, format, codec, length of the data, length of the index, number of entries, depth and root of the tree.
const FOOTER_CONTENT_BYTES: usize = 8 + 2 + 2 + 8 + 8 + 4 + 4 + 32;
pub(super) const FOOTER_BYTES: usize = MEMBER_BYTES + FOOTER_CONTENT_BYTES;

/// All members of an index, without the footer.
pub(super) fn index_bytes(entries: u64) -> u64 {
    entries * ITEM as u64 + entries.div_ceil(MEMBER_ENTRIES as u64) * MEMBER_BYTES as u64
}

pub(super) fn write(recipe: &Recipe) -> Vec<u8> {
    let entries = entries(&recipe.pieces);
    let index_bytes = index_bytes(recipe.pieces.len() as u64);
    let mut tail =
        Vec::with_capacity(TRAILER_BYTES + entries.len() + entries.len() / 1000 + 2 * FOOTER_BYTES);
    tail.extend_from_slice(&END);
    tail.extend_from_slice(&recipe.crc32.to_le_bytes());
    // gzip has room for the length modulo 2^32 only.
    tail.extend_from_slice(&recipe.raw_bytes().to_le_bytes()[..4]);
    for content in entries.chunks(MEMBER_ENTRIES * ITEM) {
        put_member(&mut tail, content);
    }
    let tree = tree::of(&entries);
    let mut footer = Vec::with_capacity(FOOTER_CONTENT_BYTES);
    footer.extend_from_slice(&MAGIC);
    footer.extend_from_slice(&FORMAT.to_le_bytes());
    footer.extend_from_slice(&CODEC.to_le_bytes());
    footer.extend_from_slice(&recipe.data_bytes().to_le_bytes());
    footer.extend_from_slice(&index_bytes.to_le_bytes());
    footer.extend_from_slice(&recipe.pieces.len().to_le_bytes()[..4]);
    footer.extend_from_slice(&tree.depth.to_le_bytes());
    footer.extend_from_slice(&tree.root);
    put_member(&mut tail, &footer);
    tail
}

fn put_member(into: &mut Vec<u8>, content: &[u8]) {
    into.extend_from_slice(&MEMBER_HEAD);
    into.extend_from_slice(&(content.len() + 4).to_le_bytes()[..2]);
    into.extend_from_slice(&FIELD);
    into.extend_from_slice(&content.len().to_le_bytes()[..2]);
    into.extend_from_slice(content);
    into.extend_from_slice(&MEMBER_END);
}

/// The entries of the index, one behind the other.
pub(super) fn entries(pieces: &[Piece]) -> Vec<u8> {
    let mut entries = Vec::with_capacity(pieces.len() * ITEM);
    for piece in pieces {
        entries.extend_from_slice(piece.id.as_bytes());
        entries.extend_from_slice(&piece.raw_bytes.to_le_bytes()[..3]);
        entries.extend_from_slice(&piece.segment_bytes.to_le_bytes()[..3]);
    }
    entries
}

pub(super) fn read(tail: &[u8]) -> Result<Recipe> {
    let Some((before, footer)) = tail.split_last_chunk::<FOOTER_BYTES>() else {
        return Err(malformed("it is too short"));
    };
    let footer = Footer::read(footer)?.ok_or_else(|| malformed("it has no footer"))?;
    let (trailer, index) = before
        .split_first_chunk::<TRAILER_BYTES>()
        .filter(|(_, index)| index.len() as u64 == index_bytes(footer.entries))
        .ok_or_else(|| malformed("its length is not that of its entries"))?;
    let recipe = Recipe {
        pieces: pieces(index)?,
        crc32: u32::from_le_bytes([trailer[2], trailer[3], trailer[4], trailer[5]]),
    };
    within_proportion(index.len() as u64, recipe.raw_bytes())?;
    // Whatever was not looked at, and every sum: there is one tail for a recipe.
    if write(&recipe) != tail {
        return Err(malformed("it is not the tail of what it describes"));
    }
    Ok(recipe)
}

/// The entries in the members of an index of the right length.
fn pieces(index: &[u8]) -> Result<Vec<Piece>> {
    index
        .chunks(MEMBER_BYTES + MEMBER_ENTRIES * ITEM)
        .flat_map(|member| {
            member[MEMBER_START_BYTES..member.len() - MEMBER_END.len()].chunks_exact(ITEM)
        })
        .map(piece)
        .collect()
}

fn piece(entry: &[u8]) -> Result<Piece> {
    let (id, lengths) = entry
        .split_first_chunk::<32>()
        .ok_or_else(|| malformed("an entry is cut short"))?;
    let length = |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], 0]);
    let piece = Piece {
        id: ChunkId::from_bytes(*id),
        raw_bytes: length(0),
        segment_bytes: length(3),
    };
    if is_possible(&piece) {
        Ok(piece)
    } else {
        Err(malformed(&format!(
            "a chunk of {} bytes in a segment of {} bytes",
            piece.raw_bytes, piece.segment_bytes
        )))
    }
}

fn is_possible(piece: &Piece) -> bool {
    let within =
        |bytes: u32, limit: usize| usize::try_from(bytes).is_ok_and(|bytes| bytes <= limit);
    piece.raw_bytes > 0
        && within(piece.raw_bytes, CHUNK_BYTES)
        && within(piece.segment_bytes, SEGMENT_BYTES)
        && piece.raw_bytes <= piece.segment_bytes.saturating_mul(DEFLATE_RATIO)
}

/// An index is at most 0.5 % of the raw bytes and 4,096 bytes, and never larger than the limit.
fn within_proportion(index_bytes: u64, raw_bytes: u64) -> Result<()> {
    if index_bytes <= INDEX_BYTES.min(raw_bytes / 200 + 4096) {
        return Ok(());
    }
    let doing = format!(
        "reading the tail of a blob: an index of {index_bytes} bytes for {raw_bytes} bytes"
    );
    Err(Error::new(ErrorKind::TooLarge, doing))
}

/// What one must know of a footer to find what it is about; the rest is compared as a whole.
pub(super) struct Footer {
    data_bytes: u64,
    index_bytes: u64,
    entries: u64,
}

impl Footer {
    /// `None` when these are not the bytes of a footer. Fails with `Unsupported` for a format or codec that we do not know.
    pub(super) fn read(member: &[u8; FOOTER_BYTES]) -> Result<Option<Footer>> {
        let mut start = Vec::new();
        put_member(&mut start, &[0; FOOTER_CONTENT_BYTES]);
        start.truncate(MEMBER_START_BYTES);
        start.extend_from_slice(&MAGIC);
        let Some(content) = member.strip_prefix(&start[..]) else {
            return Ok(None);
        };
        let mut content = content.iter().copied();
        let mut number = |bytes: usize| {
            content
                .by_ref()
                .take(bytes)
                .enumerate()
                .map(|(place, byte)| u64::from(byte) << (8 * place))
                .sum::<u64>()
        };
        let (format, codec) = (number(2), number(2));
        if (format, codec) != (FORMAT.into(), CODEC.into()) {
            let doing = format!("reading the tail of a blob: format {format} with codec {codec}");
            return Err(Error::new(ErrorKind::Unsupported, doing));
        }
        Ok(Some(Footer {
            data_bytes: number(8),
            index_bytes: number(8),
            entries: number(4),
        }))
    }

    /// Where in a blob of `blob_bytes` the tail starts, and its length. Fails when the lengths do not fit together, before anybody
    /// takes memory for them.
    pub(super) fn tail_within(&self, blob_bytes: u64) -> Result<(u64, usize)> {
        if self.index_bytes > INDEX_BYTES {
            let doing = format!(
                "reading the tail of a blob: an index of {} bytes",
                self.index_bytes
            );
            return Err(Error::new(ErrorKind::TooLarge, doing));
        }
        let behind = self.index_bytes + FOOTER_BYTES as u64;
        let start = self.data_bytes.checked_sub(TRAILER_BYTES as u64);
        start
            .filter(|_| self.data_bytes.checked_add(behind) == Some(blob_bytes))
            .zip(usize::try_from(behind).ok())
            .map(|(start, behind)| (start, TRAILER_BYTES + behind))
            .ok_or_else(|| malformed("its lengths are not those of the blob"))
    }
}

fn malformed(why: &str) -> Error {
    Error::malformed(format!("reading the tail of a blob: {why}"))
}
