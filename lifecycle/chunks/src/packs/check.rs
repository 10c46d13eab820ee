//! Finding what is broken, and keeping what is not.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use files::{Dir, Stat};

use super::listing::{self, Opened};
use super::{Names, Packs, Stray, read_record};
use crate::idx::{Entry, PackId};
use crate::pack::{self, HeadIs};
use crate::{ChunkId, Error, ErrorKind, Result};

/// What became of a damaged pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The pack that holds what was sound, under its old name when that is everything; `None` when there was nothing.
    pub pack: Option<PackId>,
    /// How many chunks it holds.
    pub chunks: usize,
    /// Chunks that are known to have been in the pack and are not sound. When the idx was broken there may have been others.
    pub lost: Vec<ChunkId>,
}

impl Packs {
    /// The chunks of a pack whose bytes are not those that were written, in order of offset. `deep` also inflates every segment and
    /// compares the chunk's id. A chunk counts as bad, too, when only the record's head before it is damaged: it can be read,
    /// but not found again when the idx is lost.
    ///
    /// Fails with [`ErrorKind::Integrity`] when the damage is not in a chunk: in the idx, or in the head or the length of the pack.
    /// Whatever it is, [`Packs::rebuild`] is the remedy. [`ErrorKind::NotFound`] when there is no such pack.
    pub fn verify(&self, pack: PackId, deep: bool) -> Result<Vec<ChunkId>> {
        let entries = match self.idx_of(pack)? {
            SoundIdx::Entries(entries, pack_bytes) => {
                if let Some(file) = self.pack_file(pack)? {
                    check_frame(pack, &file, pack_bytes)?;
                }
                entries
            }
            SoundIdx::Broken => {
                return Err(Error::new(
                    ErrorKind::Integrity,
                    format!("the idx of pack {pack} is damaged"),
                ));
            }
            SoundIdx::Absent => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("pack {pack} has no idx"),
                ));
            }
        };
        let Some(file) = self.pack_file(pack)? else {
            return Ok(entries.iter().map(|entry| entry.id).collect());
        };
        let mut bad = Vec::new();
        for entry in entries {
            if !is_as_written(pack, &file, &entry, deep)? {
                bad.push(entry.id);
            }
        }
        Ok(bad)
    }

    /// Makes a damaged pack whole again: what is sound, checked as deep as `verify` can, is written into a pack of its own at `part`
    /// beneath `dir` (as for [`Packs::begin`]) and kept, then the damaged one is removed. Works from the idx when
    /// that is sound, else from what stands in the pack itself.
    ///
    /// The caller holds the store's lock alone. On failure the damaged pack is as it was. Fails with
    /// [`ErrorKind::Unsupported`] when a newer slipway made the pack.
    pub fn rebuild(&self, pack: PackId, dir: &Arc<Dir>, part: &Path) -> Result<Rebuilt> {
        let file = self.pack_file(pack)?;
        let entries = match (self.idx_of(pack)?, &file) {
            (SoundIdx::Entries(entries, _), _) => entries,
            (SoundIdx::Broken | SoundIdx::Absent, Some(file)) => {
                pack::salvage(file, length(pack, file)?)
            }
            (SoundIdx::Broken | SoundIdx::Absent, None) => Vec::new(),
        };
        let mut writer = self.begin(dir, part)?;
        let mut lost = Vec::new();
        for entry in entries {
            match sound_segment(pack, file.as_ref(), &entry)? {
                Some(segment) => writer.push(entry.id, entry.raw_bytes, &segment)?,
                None => lost.push(entry.id),
            }
        }
        lost.retain(|id| !writer.contains(*id));
        let chunks = writer.count();
        if chunks == 0 {
            refuse_newer(pack, file.as_ref())?;
            self.remove(pack)?;
            return Ok(Rebuilt {
                pack: None,
                chunks,
                lost,
            });
        }
        let sealed = writer.seal()?;
        let rebuilt = sealed.id();
        sealed.keep()?;
        if rebuilt != pack {
            self.remove(pack)?;
        }
        Ok(Rebuilt {
            pack: Some(rebuilt),
            chunks,
            lost,
        })
    }

    /// Packs that are not whole, sorted by id, as of now.
    ///
    /// A pack that is being kept at this moment looks like one without an idx: whoever wants to remove strays holds the store's lock
    /// alone before asking.
    pub fn strays(&self) -> Result<Vec<Stray>> {
        let _alone = self
            .listing_anew
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(self.list_anew()?.strays.clone())
    }

    fn idx_of(&self, pack: PackId) -> Result<SoundIdx> {
        let folder = match self.dir.dir(&Names::of(pack).folder) {
            Err(error) if error.kind() == files::ErrorKind::NotFound => {
                return Ok(SoundIdx::Absent);
            }
            folder => {
                folder.map_err(|error| Error::files(format!("opening the idx of {pack}"), error))?
            }
        };
        match listing::open(&folder, pack, None)? {
            Opened::Listed(listed) if listed.idx.is_sound() => Ok(SoundIdx::Entries(
                listed.idx.by_offset(),
                listed.idx.pack_bytes(),
            )),
            Opened::Listed(_) | Opened::Broken => Ok(SoundIdx::Broken),
            Opened::Gone => Ok(SoundIdx::Absent),
            Opened::Newer => Err(newer(pack)),
        }
    }

    /// The pack's own file, opened anew: what is damaged may be replaced meanwhile.
    fn pack_file(&self, pack: PackId) -> Result<Option<Arc<File>>> {
        self.files.forget(pack);
        self.files.get(&self.dir, pack)
    }
}

enum SoundIdx {
    /// In order of offset, and the length of the pack.
    Entries(Vec<Entry>, u64),
    Broken,
    Absent,
}

fn newer(pack: PackId) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("pack {pack} was made by a newer slipway"),
    )
}

/// What no chunk accounts for: the head of the pack and its end.
fn check_frame(pack: PackId, file: &File, pack_bytes: u64) -> Result<()> {
    let integrity = |what: &str| Error::new(ErrorKind::Integrity, format!("pack {pack} {what}"));
    if pack::head_of(file) != HeadIs::Ours {
        return Err(integrity("does not begin as a pack"));
    }
    if length(pack, file)? > pack_bytes {
        return Err(integrity("goes on after its last chunk"));
    }
    Ok(())
}

fn is_as_written(pack: PackId, file: &File, entry: &Entry, deep: bool) -> Result<bool> {
    if !pack::has_head(file, entry) {
        return Ok(false);
    }
    let segment = segment(pack, file, entry)?;
    Ok(segment.is_some_and(|segment| !deep || pack::is_chunk(entry.id, entry.raw_bytes, &segment)))
}

fn sound_segment(pack: PackId, file: Option<&Arc<File>>, entry: &Entry) -> Result<Option<Vec<u8>>> {
    let Some(file) = file else { return Ok(None) };
    let segment = segment(pack, file, entry)?;
    Ok(segment.filter(|segment| pack::is_chunk(entry.id, entry.raw_bytes, segment)))
}

fn segment(pack: PackId, file: &File, entry: &Entry) -> Result<Option<Vec<u8>>> {
    read_record(file, entry).map_err(|error| Error::io(format!("reading pack {pack}"), error))
}

/// A pack without anything sound is removed, unless it may be that we do not know how to read it.
fn refuse_newer(pack: PackId, file: Option<&Arc<File>>) -> Result<()> {
    match file.map(|file| pack::head_of(file)) {
        Some(HeadIs::OfAnotherFormat) => Err(newer(pack)),
        _ => Ok(()),
    }
}

fn length(pack: PackId, file: &File) -> Result<u64> {
    let stat =
        Stat::of(file).map_err(|error| Error::files(format!("reading pack {pack}"), error))?;
    Ok(stat.size)
}
