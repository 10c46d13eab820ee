//! The packs below one folder, `<xx>/<id>.{pack,idx}`, used by any number of threads and processes at once.
//!
//! Packs are immutable: they come by a rename and go by an unlink, and at any moment. What keeps a pack that somebody counts on from
//! being removed is not here: the store has sessions and a lock for that.

mod announce;
mod catalog;
mod check;
mod listing;
mod open_files;
mod repack;

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use files::Dir;
use rustix::io::Errno;

use crate::idx::{Entry, PackId};
use crate::limits::SEGMENT_BYTES;
use crate::pack::{self, PackWriter, to_u64};
use crate::{ChunkId, Error, Result};
use listing::Listing;
use open_files::OpenFiles;

pub(crate) use announce::announce;
pub use check::Rebuilt;
pub(crate) use listing::Names;
pub use listing::{Lacks, Stray};
pub use repack::Repacked;

/// The packs below one folder.
#[derive(Debug)]
pub struct Packs {
    dir: Arc<Dir>,
    /// Replaced as a whole, so that who searches holds no lock.
    listing: RwLock<Option<Arc<Listing>>>,
    /// Held by the one who lists the folder for all.
    listing_anew: Mutex<()>,
    files: OpenFiles,
}

/// Where a chunk's segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub pack: PackId,
    pub id: ChunkId,
    /// Where the segment starts in the pack, in bytes.
    pub offset: u64,
    pub raw_bytes: u32,
    pub segment_bytes: u32,
    /// Of the segment's bytes.
    pub crc32: u32,
}

impl Found {
    fn new(pack: PackId, entry: Entry) -> Found {
        Found {
            pack,
            id: entry.id,
            offset: entry.offset,
            raw_bytes: entry.raw_bytes,
            segment_bytes: entry.segment_bytes,
            crc32: entry.crc32,
        }
    }

    fn entry(&self) -> Entry {
        Entry {
            id: self.id,
            offset: self.offset,
            raw_bytes: self.raw_bytes,
            segment_bytes: self.segment_bytes,
            crc32: self.crc32,
        }
    }
}

/// What a pack costs and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackInfo {
    pub id: PackId,
    pub chunks: usize,
    /// Of pack and idx.
    pub bytes: u64,
}

impl Packs {
    /// Reads nothing yet.
    pub fn open(dir: Arc<Dir>) -> Packs {
        Packs {
            dir,
            listing: RwLock::new(None),
            listing_anew: Mutex::new(()),
            files: OpenFiles::default(),
        }
    }

    /// Whether there is a copy of each of these chunks, at one moment.
    pub fn has_all(&self, ids: impl IntoIterator<Item = ChunkId>) -> Result<bool> {
        let listing = self.listing()?;
        let all = ids.into_iter().all(|id| !listing.find(id).is_empty());
        if listing.wants_catalog() {
            self.make_catalog();
        }
        Ok(all)
    }

    /// Every copy of a chunk; empty when there is none. Packs that any process kept or removed before this call are seen and gone.
    ///
    /// That the bytes are there and right is for [`Packs::read`] to tell.
    pub fn find(&self, id: ChunkId) -> Result<Vec<Found>> {
        let listing = self.listing()?;
        let found = listing.find(id);
        if listing.wants_catalog() {
            self.make_catalog();
        }
        let found = found.into_iter();
        Ok(found.map(|(pack, entry)| Found::new(pack, entry)).collect())
    }

    /// A chunk's segment, checked; `None` when its bytes are not there or not those that were written. A pack that was removed while
    /// it was open here can still be read.
    ///
    /// Fails only for what says nothing about the chunk: no more open files, no permission.
    pub fn read(&self, found: &Found) -> Result<Option<Vec<u8>>> {
        match self.files.get(&self.dir, found.pack)? {
            Some(file) => read_record(&file, &found.entry())
                .map_err(|error| Error::io(format!("reading pack {}", found.pack), error)),
            None => Ok(None),
        }
    }

    /// Starts a pack that is half written at `part` beneath `dir`, on the same file system; nothing may have that name, nor that name
    /// with `.idx` at its end.
    pub fn begin(&self, dir: &Arc<Dir>, part: &Path) -> Result<PackWriter> {
        PackWriter::begin(&self.dir, dir, part)
    }

    /// Whole packs, sorted by id; those of a newer slipway are not among them.
    pub fn all(&self) -> Result<Vec<PackInfo>> {
        let listing = self.listing()?;
        let info = |idx: &crate::idx::Idx<_>| PackInfo {
            id: idx.id(),
            chunks: idx.count(),
            bytes: idx.pack_bytes() + to_u64(idx.own_bytes()),
        };
        Ok(listing.packs.iter().map(|pack| info(&pack.idx)).collect())
    }

    /// What a pack holds, in order of offset; empty when there is no such pack.
    pub fn ids(&self, pack: PackId) -> Result<Vec<Found>> {
        let listing = self.listing()?;
        let entries = listing.get(pack).map(|pack| pack.idx.by_offset());
        let entries = entries.unwrap_or_default();
        Ok(entries
            .into_iter()
            .map(|entry| Found::new(pack, entry))
            .collect())
    }

    /// Removes what there is of a pack: the idx, durably, then the pack. Absent is fine.
    ///
    /// The caller holds the store's lock alone and knows that nobody counts on the pack.
    pub fn remove(&self, pack: PackId) -> Result<()> {
        let names = Names::of(pack);
        // Once before, in case we are killed in between: those who wait for the lock look again. A full disk may not take it yet.
        let _ = announce(&self.dir);
        let removed = self.remove_names(&names);
        self.files.forget(pack);
        removed.map_err(|error| Error::files(format!("removing pack {pack}"), error))?;
        announce(&self.dir)
    }

    fn remove_names(&self, names: &Names) -> files::Result<()> {
        let folder = match self.dir.dir(&names.folder) {
            Err(error) if error.kind() == files::ErrorKind::NotFound => return Ok(()),
            folder => folder?,
        };
        remove_if_there(&self.dir, &names.idx)?;
        folder.sync()?;
        remove_if_there(&self.dir, &names.pack)
    }

    /// The packs as of now: listed anew when one came or went since.
    fn listing(&self) -> Result<Arc<Listing>> {
        let failed = |error| Error::files("looking for new packs", error);
        let current = || {
            let stamp = announce::stamp(&self.dir).map_err(failed)?;
            let listing = self.listing.read().unwrap_or_else(PoisonError::into_inner);
            let current = listing.as_ref().filter(|listing| listing.stamp == stamp);
            Ok(current.cloned())
        };
        if let Some(listing) = current()? {
            return Ok(listing);
        }
        let _alone = self
            .listing_anew
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match current()? {
            Some(listing) => Ok(listing),
            None => self.list_anew(),
        }
    }

    /// One makes it, the others go on without.
    fn make_catalog(&self) {
        let Ok(_alone) = self.listing_anew.try_lock() else {
            return;
        };
        let current = self
            .listing
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let wanted = current.filter(|listing| listing.wants_catalog());
        if let Some(better) = wanted.and_then(|listing| listing.with_catalog()) {
            *self.listing.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(better));
        }
    }

    fn list_anew(&self) -> Result<Arc<Listing>> {
        let known = self
            .listing
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let listing = Arc::new(listing::list(&self.dir, known.as_deref())?);
        // A pack may have been replaced by a better copy of itself.
        self.files.clear();
        *self.listing.write().unwrap_or_else(PoisonError::into_inner) = Some(listing.clone());
        Ok(listing)
    }
}

fn remove_if_there(dir: &Dir, path: &Path) -> files::Result<()> {
    match dir.remove_file(path) {
        Err(error) if error.kind() == files::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The segment of `entry`, or `None` when the file does not hold it.
///
/// The idx says which bytes, the record's head in the pack says the same. When they differ, one of the two is damaged, and only the
/// chunk itself can tell which.
fn read_record(file: &std::fs::File, entry: &Entry) -> io::Result<Option<Vec<u8>>> {
    let segment_bytes = usize::try_from(entry.segment_bytes).unwrap_or(usize::MAX);
    if segment_bytes > SEGMENT_BYTES {
        return Ok(None);
    }
    let mut segment = vec![0; segment_bytes];
    match file.read_exact_at(&mut segment, entry.offset) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        // An offset beyond what a file can have.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
        Err(error) if is_disk_fault(&error) => return Ok(None),
        read => read?,
    }
    let is_sound = crc32fast::hash(&segment) == entry.crc32
        && (pack::has_head(file, entry) || pack::is_chunk(entry.id, entry.raw_bytes, &segment));
    Ok(is_sound.then_some(segment))
}

/// The disk does not give the bytes back, which is as good as wrong bytes.
fn is_disk_fault(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::IO | Errno::UCLEAN | Errno::BADMSG | Errno::ILSEQ)
    )
}

fn is_disk_fault_of(error: &files::Error) -> bool {
    io_error_of(error).is_some_and(is_disk_fault)
}

fn io_error_of(error: &files::Error) -> Option<&io::Error> {
    std::error::Error::source(error)?.downcast_ref()
}
