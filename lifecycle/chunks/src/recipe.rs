//! The list of chunks that make one blob, and how it stands in the blob behind the last segment, where no gzip reader sees it.
//!
//! The tail of a blob is the end of its deflate stream, members that hold nothing but the entries of the index in their headers,
//! and a footer of fixed size. `docs/formats/chunks.md` has every byte.

mod tail;
mod tree;

use std::io::{Read, Seek, SeekFrom};

use crate::{ChunkId, Error, Result};
use tail::Footer;

/// The gzip header of every blob: no name, no time, unknown system.
pub const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// One chunk of a blob. Both lengths are below 2^24, as those of every cutter and deflater are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub id: ChunkId,
    pub raw_bytes: u32,
    pub segment_bytes: u32,
}

/// The chunks of a blob in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub pieces: Vec<Piece>,
    /// CRC-32 of all raw bytes.
    pub crc32: u32,
}

impl Recipe {
    pub fn raw_bytes(&self) -> u64 {
        self.sum(|piece| piece.raw_bytes)
    }

    /// The whole blob: its head, all segments, and the tail.
    pub fn blob_bytes(&self) -> u64 {
        self.data_bytes() + tail::index_bytes(self.pieces.len() as u64) + tail::FOOTER_BYTES as u64
    }

    /// The root of the Merkle tree over the pieces: equal roots are equal pieces.
    pub fn root(&self) -> [u8; 32] {
        tree::of(&tail::entries(&self.pieces)).root
    }

    /// What stands in the blob behind the last segment.
    pub fn tail(&self) -> Vec<u8> {
        tail::write(self)
    }

    /// Reads the tail of a blob, from the two bytes that end its deflate stream on. A recipe has one tail only: what is not
    /// [`tail`](Recipe::tail) of the result is refused.
    ///
    /// That the pieces are those of the blob nobody knows before their segments were inflated and their ids compared.
    ///
    /// Fails with `Malformed`; with `Unsupported` for the format or codec of a newer slipway; with `TooLarge` when the index is
    /// out of proportion to what it describes.
    pub fn from_tail(tail: &[u8]) -> Result<Recipe> {
        tail::read(tail)
    }

    /// Reads the recipe at the end of a blob; `None` when the blob does not end in a footer of ours. Of the rest of the blob
    /// only the length and the first ten bytes are looked at.
    ///
    /// Fails as [`from_tail`](Recipe::from_tail), and when the blob cannot be read.
    pub fn of_blob(blob: &mut (impl Read + Seek)) -> Result<Option<Recipe>> {
        let reading = |error| Error::io("reading the recipe of a blob", error);
        let blob_bytes = blob.seek(SeekFrom::End(0)).map_err(reading)?;
        let Some(footer_start) = blob_bytes.checked_sub(tail::FOOTER_BYTES as u64) else {
            return Ok(None);
        };
        let mut bytes = [0; tail::FOOTER_BYTES];
        read_at(blob, footer_start, &mut bytes).map_err(reading)?;
        let Some(footer) = Footer::read(&bytes)? else {
            return Ok(None);
        };
        let (start, length) = footer.tail_within(blob_bytes)?;
        let mut head = HEAD;
        read_at(blob, 0, &mut head).map_err(reading)?;
        let mut tail = vec![0; length];
        read_at(blob, start, &mut tail).map_err(reading)?;
        let recipe = Recipe::from_tail(&tail)?;
        if head != HEAD {
            return Err(Error::malformed(
                "reading the recipe of a blob: its head is not ours",
            ));
        }
        Ok(Some(recipe))
    }

    /// What stands before the index: head, segments, end of the stream and trailer.
    fn data_bytes(&self) -> u64 {
        (HEAD.len() + tail::TRAILER_BYTES) as u64 + self.sum(|piece| piece.segment_bytes)
    }

    fn sum(&self, bytes: impl Fn(&Piece) -> u32) -> u64 {
        self.pieces
            .iter()
            .map(|piece| u64::from(bytes(piece)))
            .sum()
    }
}

fn read_at(from: &mut (impl Read + Seek), at: u64, into: &mut [u8]) -> std::io::Result<()> {
    from.seek(SeekFrom::Start(at))?;
    from.read_exact(into)
}

#[cfg(test)]
mod tests;
