//! Blobs that are chunks: a recipe each, and packs that keep every segment once.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chunks::{ChunkId, HEAD, PackId, Packs, Piece, Recipe};

use super::blobs::Blobs;
use crate::{Digest, Error, ErrorKind, Result, limits};

pub(super) const RECIPES: &str = "recipes";
pub(super) const PACKS: &str = "packs";

/// Packs smaller than this are put together when garbage is collected, once there are several.
const SMALL_PACK_BYTES: u64 = 4 << 20;
const SMALL_PACKS: usize = 8;

pub(super) fn recipe_of(digest: Digest) -> PathBuf {
    Path::new(RECIPES).join(digest.hex())
}

/// The recipe of a blob; one that makes no sense is as good as none, and written anew with its blob.
pub(super) fn recipe(blobs: &Blobs, digest: Digest) -> Result<Option<Recipe>> {
    let tail = blobs
        .dir
        .read(&recipe_of(digest), limits::RECIPE_BYTES)
        .map_err(|error| Error::files(format!("reading the recipe of blob {digest}"), error))?;
    Ok(tail.and_then(|tail| Recipe::from_tail(&tail).ok()))
}

/// Whether every segment of a recipe is in some pack.
pub(super) fn is_complete(packs: &Packs, recipe: &Recipe) -> Result<bool> {
    let ids = recipe.pieces.iter().map(|piece| piece.id);
    let has_all = packs.has_all(ids);
    has_all.map_err(|error| Error::chunks("looking for the chunks of a layer", error))
}

fn find(packs: &Packs, id: ChunkId) -> Result<Vec<chunks::Found>> {
    let failed = |error| Error::chunks(format!("looking for chunk {id}"), error);
    packs.find(id).map_err(failed)
}

/// A stored segment that this program may count on from now on: its pack stays as long as the session.
pub(super) fn chunk(blobs: &Blobs, id: ChunkId) -> Result<Option<Vec<u8>>> {
    let Some(session) = &blobs.session else {
        return Ok(None);
    };
    for found in find(&blobs.packs, id)? {
        if !session.pins(found.pack) {
            let _lock = blobs.share()?;
            session.pin(found.pack)?;
        }
        // A pack that was collected before it was pinned has nothing to read.
        if let Some(segment) = read(&blobs.packs, &found)? {
            session.count_on(id);
            return Ok(Some(segment));
        }
    }
    Ok(None)
}

fn read(packs: &Packs, found: &chunks::Found) -> Result<Option<Vec<u8>>> {
    let failed = |error| Error::chunks(format!("reading chunk {}", found.id), error);
    packs.read(found).map_err(failed)
}

/// The bytes of a blob, put together while they are read.
pub(super) struct Reader {
    packs: Arc<Packs>,
    pieces: std::vec::IntoIter<Piece>,
    tail: Option<Vec<u8>>,
    now: Cursor<Vec<u8>>,
}

impl Reader {
    pub(super) fn new(packs: &Arc<Packs>, recipe: Recipe) -> Reader {
        Reader {
            packs: packs.clone(),
            tail: Some(recipe.tail()),
            pieces: recipe.pieces.into_iter(),
            now: Cursor::new(HEAD.to_vec()),
        }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match self.pieces.next() {
            Some(piece) => self.segment(&piece).map(Some),
            None => Ok(self.tail.take()),
        }
    }

    /// The first sound copy.
    fn segment(&self, piece: &Piece) -> Result<Vec<u8>> {
        for found in find(&self.packs, piece.id)? {
            if found.segment_bytes != piece.segment_bytes {
                continue;
            }
            if let Some(segment) = read(&self.packs, &found)? {
                return Ok(segment);
            }
        }
        let text = format!("reading chunk {}: every copy is broken or gone", piece.id);
        Err(Error::new(ErrorKind::Integrity, text))
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.now.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.next()? {
                Some(bytes) => self.now = Cursor::new(bytes),
                None => return Ok(0),
            }
        }
    }
}

/// All blobs with a recipe, sorted by digest.
pub(super) fn all(blobs: &Blobs) -> Result<Vec<Digest>> {
    let failed = |error| Error::files("listing recipes", error);
    let entries = blobs.dir.dir(Path::new(RECIPES));
    let entries = entries.and_then(|dir| dir.entries()).map_err(failed)?;
    let names = entries.iter().filter_map(|entry| entry.name.to_str());
    Ok(names
        .filter_map(|name| Digest::from_hex(name).ok())
        .collect())
}

/// Removes recipes that are not needed, then packs that hold nothing live; what is left of wasteful packs moves to new ones.
/// Call with the store's lock held exclusively. Returns the number of recipes, and the bytes of packs that went.
pub(super) fn collect(
    blobs: &Blobs,
    needed: &BTreeSet<Digest>,
    pinned: &BTreeSet<PackId>,
) -> Result<(usize, u64)> {
    let mut live = BTreeSet::new();
    let mut removed = 0;
    for digest in all(blobs)? {
        if !needed.contains(&digest) {
            let failed = |error| Error::files(format!("removing recipe {digest}"), error);
            blobs.dir.remove_file(&recipe_of(digest)).map_err(failed)?;
            removed += 1;
        } else if let Some(recipe) = recipe(blobs, digest)? {
            live.extend(recipe.pieces.iter().map(|piece| piece.id));
        }
    }
    if removed > 0 {
        // A recipe that came back after a power loss would count on chunks that are gone.
        let folder = blobs.dir.path().join(RECIPES);
        files::sync_dir(&folder).map_err(|error| Error::files("removing recipes", error))?;
    }
    let freed = sweep(blobs, &live, pinned)?;
    Ok((removed, freed))
}

/// Packs that are not as they were written, or not whole.
pub(super) fn damaged(blobs: &Blobs) -> Result<Vec<PackId>> {
    let failed = |error| Error::chunks("reading packs", error);
    let mut damaged = strays(blobs)?;
    for pack in blobs.packs.all().map_err(failed)? {
        match blobs.packs.verify(pack.id, false) {
            Ok(bad) if bad.is_empty() => {}
            // One that a collection removed meanwhile is none.
            Err(error) if error.kind() == chunks::ErrorKind::NotFound => {}
            Err(error) if error.kind() != chunks::ErrorKind::Integrity => {
                return Err(failed(error));
            }
            _ => damaged.push(pack.id),
        }
    }
    Ok(damaged)
}

fn strays(blobs: &Blobs) -> Result<Vec<PackId>> {
    let strays = blobs.packs.strays();
    let strays = strays.map_err(|error| Error::chunks("reading packs", error))?;
    Ok(strays.iter().map(|stray| stray.pack).collect())
}

/// Makes packs whole with what is sound in them, and removes what is left of others. Call with the store's lock held exclusively.
pub(super) fn heal(blobs: &Blobs, packs: &[PackId]) -> Result<()> {
    for pack in packs {
        let part = blobs.session()?.part();
        let healed = blobs.packs.rebuild(*pack, &blobs.dir, &part);
        healed.map_err(|error| Error::chunks(format!("healing pack {pack}"), error))?;
    }
    Ok(())
}

/// Moves what is live to new packs; the packs that are of no use then. On a full disk they stay as they are.
fn repacked(blobs: &Blobs, wasteful: &[PackId], live: &BTreeSet<ChunkId>) -> Result<Vec<PackId>> {
    if wasteful.is_empty() {
        return Ok(Vec::new());
    }
    let part = blobs.session()?.part();
    let live = |id| live.contains(&id);
    match blobs.packs.repack(wasteful, &live, &blobs.dir, &part) {
        Ok(repacked) => Ok(repacked.obsolete),
        Err(error) if error.kind() == chunks::ErrorKind::NoSpace => Ok(Vec::new()),
        Err(error) => Err(Error::chunks("collecting packs", error)),
    }
}

fn sweep(blobs: &Blobs, live: &BTreeSet<ChunkId>, pinned: &BTreeSet<PackId>) -> Result<u64> {
    let failed = |error| Error::chunks("collecting packs", error);
    // What a killed program left, or an index that is lost.
    heal(blobs, &strays(blobs)?)?;
    let mut dead = Vec::new();
    let mut wasteful = Vec::new();
    let mut small = Vec::new();
    let mut before = 0;
    for pack in blobs.packs.all().map_err(failed)? {
        before += pack.bytes;
        if pinned.contains(&pack.id) {
            continue;
        }
        let kept = blobs.packs.ids(pack.id).map_err(failed)?;
        let kept = kept.iter().filter(|found| live.contains(&found.id));
        let kept: u64 = kept.map(|found| u64::from(found.segment_bytes)).sum();
        match kept {
            0 => dead.push(pack.id),
            kept if kept < pack.bytes / 2 => wasteful.push(pack.id),
            _ if pack.bytes < SMALL_PACK_BYTES => small.push(pack.id),
            _ => {}
        }
    }
    if small.len() >= SMALL_PACKS {
        wasteful.append(&mut small);
    }
    for pack in dead {
        blobs.packs.remove(pack).map_err(failed)?;
    }
    for pack in repacked(blobs, &wasteful, live)? {
        blobs.packs.remove(pack).map_err(failed)?;
    }
    let after = blobs.packs.all().map_err(failed)?;
    let after: u64 = after.iter().map(|pack| pack.bytes).sum();
    Ok(before.saturating_sub(after))
}

#[cfg(test)]
mod tests;
