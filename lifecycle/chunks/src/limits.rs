//! What is refused because it is too large, deep or much.

/// Raw bytes of one chunk: nothing larger is ever cut, and nothing larger is taken.
pub(crate) const CHUNK_BYTES: usize = (1 << 20) + (64 << 10);
