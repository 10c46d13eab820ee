//! What a segment holds, for those checks that do not trust a checksum of 32 bits.

use flate2::{Decompress, FlushDecompress, Status};

use crate::ChunkId;

/// An empty last block: what ends a stream of segments.
const END: [u8; 2] = [3, 0];

/// Whether `segment` inflates to exactly `raw_bytes` bytes that have this id; never takes more memory than that.
pub(crate) fn is_chunk(id: ChunkId, raw_bytes: u32, segment: &[u8]) -> bool {
    inflate(segment, raw_bytes).is_some_and(|raw| ChunkId::of(&raw) == id)
}

fn inflate(segment: &[u8], raw_bytes: u32) -> Option<Vec<u8>> {
    let raw_bytes = usize::try_from(raw_bytes).ok()?;
    let stream = [segment, &END].concat();
    // One byte more, so that a segment that holds more is seen to.
    let mut raw = vec![0; raw_bytes + 1];
    let mut decoder = Decompress::new(false);
    let status = decoder.decompress(&stream, &mut raw, FlushDecompress::Finish);
    let whole = decoder.total_in() == u64::try_from(stream.len()).ok()?
        && decoder.total_out() == u64::try_from(raw_bytes).ok()?;
    raw.truncate(raw_bytes);
    (matches!(status, Ok(Status::StreamEnd)) && whole).then_some(raw)
}
