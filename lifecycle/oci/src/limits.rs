//! How much of what comes from outside is read before it is refused.

/// Manifests and indexes, in bytes.
pub(crate) const MANIFEST_BYTES: u64 = 4 << 20;
/// Image configs, in bytes; labels of lifecycles are big.
pub(crate) const CONFIG_BYTES: u64 = 8 << 20;
/// Layers of an image that is read; what is written is limited by who writes.
pub(crate) const LAYERS: usize = 500;
/// Entries of an index.
pub(crate) const INDEX_ENTRIES: usize = 1024;
/// Indexes inside indexes.
pub(crate) const INDEX_DEPTH: usize = 3;
