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
    Ok(collected)
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
