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
/// A layer's tar, expanded, in bytes.
pub(crate) const LAYER_BYTES: u64 = 64 << 30;
/// Files in a layer.
pub(crate) const LAYER_ENTRIES: u64 = 10_000_000;
/// A path or link target in a layer, in bytes.
pub(crate) const PATH_BYTES: usize = 4096;
/// One name in such a path.
pub(crate) const COMPONENT_BYTES: usize = 255;
/// PAX records or a GNU long name before an entry, in bytes; as Go has it.
pub(crate) const TAR_SPECIAL_BYTES: usize = 1 << 20;
/// What unpacking a layer keeps in memory about its entries, in bytes.
pub(crate) const REMEMBERED_BYTES: usize = 256 << 20;
/// The recipe of a blob, in bytes: 1.7 million chunks.
pub(crate) const RECIPE_BYTES: u64 = 64 << 20;
