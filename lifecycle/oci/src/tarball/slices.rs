//! The app directory cut into layers by glob patterns, as Go's exporter does it (XP-4).

use std::path::Path;
use std::sync::Arc;

use super::{Entry, Packed, Stamp, Tree};
use crate::{Result, Store};

/// Entries of one slice.
#[derive(Debug, Default)]
pub struct Sliced {
    pub entries: Vec<Entry>,
    /// Sockets that no tar can hold.
    pub skipped: Vec<Vec<u8>>,
}

/// Packs a directory into one layer per list of patterns and one for the rest; layers may be empty.
///
/// Patterns are Go's `filepath.Match` on paths relative to `dir`. Fails with `Malformed` when one is no pattern.
pub fn slices(dir: &Path, at: &Path, patterns: &[Vec<String>], stamp: &Stamp, into: &Arc<dyn Store>) -> Result<Vec<Packed>> {
    let _ = (dir, at, patterns, stamp, into);
    todo!()
}

/// The entries of [`slices`] for any tree.
pub fn slices_of(tree: &dyn Tree, at: &Path, patterns: &[Vec<String>], stamp: &Stamp) -> Result<Vec<Sliced>> {
    let _ = (tree, at, patterns, stamp);
    todo!()
}
