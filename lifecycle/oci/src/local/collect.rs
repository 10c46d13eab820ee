//! Garbage collection: blobs that no name and no running program needs.
//!
//! Nobody else changes the store meanwhile, and what running programs count on is in their sessions; so nothing is judged by age.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::blobs::{Blobs, path_of};
use super::names::{self, NAMES};
use super::session::Living;
use super::{segmented, session};
use crate::{Digest, Error, Result, json, limits};

/// What a collection removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    pub blobs: usize,
    /// On disk.
    pub bytes: u64,
}

pub(super) fn collect(blobs: &Blobs) -> Result<Collected> {
    let _lock = blobs.exclude()?;
    let living = session::living(&blobs.dir)?;
    let needed = needed(blobs, &living)?;
    let (recipes, bytes) = segmented::collect(blobs, &needed, &living.packs)?;
    let mut collected = Collected {
        blobs: recipes,
        bytes,
    };
    for (digest, size) in blobs.whole()? {
        if needed.contains(&digest) {
            continue;
        }
        let failed = |error| Error::files(format!("removing blob {digest}"), error);
        blobs.dir.remove_file(&path_of(digest)).map_err(failed)?;
        collected.blobs += 1;
        collected.bytes += size;
    }
    remove_half_written(blobs)?;
    note(blobs);
    Ok(collected)
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Amount {
    blobs: u64,
    pack_bytes: u64,
}

/// Beside the store's folders. Without it, or when it makes no sense, a collection is due.
const COLLECTED: &str = "collected";
const COLLECTED_BYTES: u64 = 64;
/// So much may wait for the next collection, or an eighth of what the last one left.
const WAITING: Amount = Amount {
    blobs: 32,
    pack_bytes: 64 << 20,
};

impl Amount {
    fn of(blobs: &Blobs) -> Result<Amount> {
        let whole = blobs.digests()?.len();
        let packs = blobs.packs.all();
        let packs = packs.map_err(|error| Error::chunks("listing packs", error))?;
        Ok(Amount {
            blobs: (whole + segmented::all(blobs)?.len()) as u64,
            pack_bytes: packs.iter().map(|pack| pack.bytes).sum(),
        })
    }

    fn parse(text: &[u8]) -> Option<Amount> {
        let line = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
        let (blobs, pack_bytes) = line.split_once(' ')?;
        Some(Amount {
            blobs: blobs.parse().ok()?,
            pack_bytes: pack_bytes.parse().ok()?,
        })
    }

    /// Whether this is much more than was left `before`.
    fn is_much_more_than(self, before: Amount) -> bool {
        let much = |now: u64, before: u64, waiting: u64| {
            now > before.saturating_add(waiting.max(before / 8))
        };
        much(self.blobs, before.blobs, WAITING.blobs)
            || much(self.pack_bytes, before.pack_bytes, WAITING.pack_bytes)
    }
}

/// Dead programs may have left whole layers half written; a few of those are living.
const WAITING_SESSIONS: usize = 4;

pub(super) fn is_due(blobs: &Blobs) -> Result<bool> {
    let left = blobs.dir.read(Path::new(COLLECTED), COLLECTED_BYTES);
    // What cannot be read is written anew by a collection.
    let left = left.ok().flatten().and_then(|text| Amount::parse(&text));
    let Some(left) = left else {
        return Ok(true);
    };
    let sessions = session::count(&blobs.dir)?;
    Ok(sessions > WAITING_SESSIONS || Amount::of(blobs)?.is_much_more_than(left))
}

/// Remembers what is left. A store that does not take it is collected more often than it needs; nothing else comes of it, so it is
/// not synced either.
fn note(blobs: &Blobs) {
    let new = Path::new(".new-collected");
    let Ok(Amount {
        blobs: count,
        pack_bytes,
    }) = Amount::of(blobs)
    else {
        return;
    };
    let line = format!("{count} {pack_bytes}\n");
    let written = blobs
        .dir
        .create_file(new, 0o644)
        .is_ok_and(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()).is_ok());
    if !written || blobs.dir.rename(new, Path::new(COLLECTED)).is_err() {
        let _ = blobs.dir.remove_file(new);
    }
}

/// Everything that names and sessions lead to.
fn needed(blobs: &Blobs, living: &Living) -> Result<BTreeSet<Digest>> {
    let mut needed = living.blobs.clone();
    needed.extend(
        names::list(blobs)?
            .iter()
            .map(|named| named.manifest.digest),
    );
    let mut unread: Vec<Digest> = needed.iter().copied().collect();
    while let Some(digest) = unread.pop() {
        let found = mentioned_by(blobs, digest)?;
        unread.extend(found.into_iter().filter(|digest| needed.insert(*digest)));
    }
    Ok(needed)
}

/// Digests in a manifest or index; nothing for any other blob.
fn mentioned_by(blobs: &Blobs, digest: Digest) -> Result<Vec<Digest>> {
    let failed = |error| Error::files(format!("reading blob {digest}"), error);
    match blobs.dir.stat(&path_of(digest)).map_err(failed)? {
        Some(stat) if stat.size <= limits::MANIFEST_BYTES => {}
        _ => return Ok(Vec::new()),
    }
    // Layers are told from manifests by their first byte, and not read.
    let mut bytes = [0];
    let mut file = blobs.dir.file(&path_of(digest)).map_err(failed)?;
    if !matches!(file.read(&mut bytes), Ok(1) if bytes == *b"{") {
        return Ok(Vec::new());
    }
    let bytes = blobs
        .dir
        .read(&path_of(digest), limits::MANIFEST_BYTES)
        .map_err(failed)?
        .unwrap_or_default();
    let Ok(object) = json::object(&bytes, limits::MANIFEST_BYTES, "manifest") else {
        return Ok(Vec::new());
    };
    let lists = ["layers", "manifests"]
        .into_iter()
        .filter_map(|key| object.get(key)?.as_array())
        .flatten();
    let ones = ["config", "subject"]
        .into_iter()
        .filter_map(|key| object.get(key));
    Ok(lists
        .chain(ones)
        .filter_map(|value| value.get("digest").and_then(Value::as_str)?.parse().ok())
        .collect())
}

/// Names and the format are written under the store's lock: what is half written now belongs to nobody.
fn remove_half_written(blobs: &Blobs) -> Result<()> {
    let failed = |error| Error::files("removing half-written files", error);
    for folder in [
        &*blobs.dir,
        &blobs.dir.dir(Path::new(NAMES)).map_err(failed)?,
    ] {
        for entry in folder.entries().map_err(failed)? {
            if entry.name.as_encoded_bytes().starts_with(b".new-") {
                folder.remove_file(Path::new(&entry.name)).map_err(failed)?;
            }
        }
    }
    Ok(())
}
