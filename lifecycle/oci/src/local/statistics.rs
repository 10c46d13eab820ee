//! What a store holds, in numbers.

use std::collections::BTreeSet;

use super::blobs::Blobs;
use super::{names, segmented};
use crate::{Error, Result};

/// Counts and sizes in bytes. What collections would remove is in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    pub names: usize,
    /// Blobs kept whole: configs, manifests, small layers and those of others.
    pub whole: usize,
    pub whole_bytes: u64,
    /// Layers kept as chunks.
    pub layers: usize,
    /// What those layers would take if each were a file.
    pub layer_bytes: u64,
    /// The tars in those layers.
    pub raw_bytes: u64,
    /// Different chunks that those layers need.
    pub chunks: usize,
    pub packs: usize,
    /// What packs take on disk.
    pub pack_bytes: u64,
}

pub(super) fn of(blobs: &Blobs) -> Result<Statistics> {
    let whole = blobs.whole()?;
    let packs = blobs.packs.all();
    let packs = packs.map_err(|error| Error::chunks("listing packs", error))?;
    let mut numbers = Statistics {
        names: names::list(blobs)?.len(),
        whole: whole.len(),
        whole_bytes: whole.iter().map(|(_, bytes)| bytes).sum(),
        packs: packs.len(),
        pack_bytes: packs.iter().map(|pack| pack.bytes).sum(),
        ..Statistics::default()
    };
    let mut chunks = BTreeSet::new();
    for digest in segmented::all(blobs)? {
        if let Some(recipe) = segmented::recipe(blobs, digest)? {
            numbers.layers += 1;
            numbers.layer_bytes += recipe.blob_bytes();
            numbers.raw_bytes += recipe.raw_bytes();
            chunks.extend(recipe.pieces.iter().map(|piece| piece.id));
        }
    }
    numbers.chunks = chunks.len();
    Ok(numbers)
}
