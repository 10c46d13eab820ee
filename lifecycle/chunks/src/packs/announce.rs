//! How programs learn that packs came or went: each change makes one file a byte longer, and asking for its length is cheap.
//!
//! Times of folders are too coarse for this (two changes in one tick look like one) and would have to be asked for 256 folders.

use std::io::Write;
use std::path::Path;

use files::Dir;

use crate::{Error, Result};

const CHANGES: &str = "changes";

/// Differs after every change. `None` when nothing was ever announced.
pub(super) type Stamp = Option<((u64, u64), u64)>;

pub(super) fn stamp(packs: &Dir) -> files::Result<Stamp> {
    let stat = packs.stat(Path::new(CHANGES))?;
    Ok(stat.map(|stat| (stat.id, stat.size)))
}

/// Makes everybody list the packs again.
pub(crate) fn announce(packs: &Dir) -> Result<()> {
    let changes = Path::new(CHANGES);
    let Err(error) = grow(packs, changes) else {
        return Ok(());
    };
    // A full disk takes no byte, and is just when packs are removed; taking the file away is a change as well.
    packs.remove_file(changes).or(Err(error))
}

fn grow(packs: &Dir, changes: &Path) -> Result<()> {
    let doing = "announcing a change of packs";
    let mut file = packs
        .append(changes, 0o644)
        .map_err(|error| Error::files(doing, error))?;
    file.write_all(b".")
        .map_err(|error| Error::io(doing, error))
}
