//! How much is believed of what comes from archives.

/// A package file, in bytes.
pub(crate) const DEB_BYTES: u64 = 2 << 30;
/// A package unpacked, in bytes.
pub(crate) const UNPACKED_BYTES: u64 = 8 << 30;
/// Entries of one package.
pub(crate) const ENTRIES: u64 = 200_000;
/// One file of a package's control part, in bytes.
pub(crate) const CONTROL_BYTES: u64 = 4 << 20;
/// Memory an xz stream may ask for, in KiB; Debian's largest dictionaries have 64 MiB.
pub(crate) const XZ_KIB: u32 = 66 << 10;
/// An unpacked package index, in bytes; that of trixie's main has 57 MB.
pub(crate) const INDEX_BYTES: u64 = 512 << 20;
/// An `InRelease`, in bytes; real ones have 40 to 240 kB.
pub(crate) const RELEASE_BYTES: u64 = 4 << 20;
/// A text that our rules read out of a package, in bytes.
pub(crate) const RULE_BYTES: u64 = 4 << 20;
