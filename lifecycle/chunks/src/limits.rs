//! What is refused because it is too large, deep or much.

/// Raw bytes of one chunk: nothing larger is ever cut, and nothing larger is taken.
pub(crate) const CHUNK_BYTES: usize = (1 << 20) + (64 << 10);
/// Bytes of one segment: a chunk that does not compress grows by less than 1 in 1,000.
pub(crate) const SEGMENT_BYTES: usize = CHUNK_BYTES + (4 << 10);
