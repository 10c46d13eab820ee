//! How much of a file that others wrote we are ready to look at.

/// Bytes of one TOML file or JSON label.
pub(crate) const TEXT_BYTES: usize = 1024 * 1024;
/// Nesting of tables and arrays.
pub(crate) const DEPTH: usize = 64;
/// Tables of one file.
pub(crate) const TABLES: usize = 10_000;
