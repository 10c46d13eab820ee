//! A directory and its parents as entries, in Go's order (TA-1, TA-3).

use std::path::Path;
use std::sync::Arc;

use super::{Packed, Stamp, Tree, Entry};
use crate::{Layer, Result, Store};

/// Packs a directory into a layer, as it will appear at the absolute path `at` in the image.
///
/// Entries are in byte order of their names, each directory before what is in it, the directories above `at` first.
/// Sockets are left out and named in the result. The blob is in `into` on return.
pub fn directory(dir: &Path, at: &Path, stamp: &Stamp, into: &Arc<dyn Store>) -> Result<Packed> {
    let _ = (dir, at, stamp, into);
    todo!()
}

/// The entries of [`directory`] for any tree.
pub fn directory_of<'a>(tree: &'a dyn Tree, at: &'a Path, stamp: &'a Stamp) -> Box<dyn Iterator<Item = Result<Entry>> + 'a> {
    let _ = (tree, at, stamp);
    todo!()
}

impl Layer {
    /// Packs a directory into a layer, as it will appear at the absolute path `at` in the image.
    ///
    /// As [`directory`], which also tells which sockets were left out.
    ///
    /// Spec: platform.md, exporter outputs, "To ensure build reproducibility".
    pub fn pack(dir: &Path, at: &Path, stamp: &Stamp, into: &Arc<dyn Store>) -> Result<Layer> {
        directory(dir, at, stamp, into).map(|packed| packed.layer)
    }
}
