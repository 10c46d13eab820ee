//! What is refused because it is too large, deep or much.

/// Raw bytes of one chunk: nothing larger is ever cut, and nothing larger is taken.
pub(crate) const CHUNK_BYTES: usize = (1 << 20) + (64 << 10);
/// Bytes of one segment: a chunk that does not compress grows by less than 1 in 1,000.
pub(crate) const SEGMENT_BYTES: usize = CHUNK_BYTES + (4 << 10);
/// Bytes of deflate hold at most so many times as many raw bytes.
pub(crate) const DEFLATE_RATIO: u32 = 1032;
/// The index of one blob, without its footer: enough for 64 GiB in the smallest chunks that a cutter makes.
pub(crate) const INDEX_BYTES: u64 = 128 << 20;
