//! A pack on its way into the store: written beside, synced, given its names in the order that survives a power loss.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::{Dir, Stat};

use super::{RECORD_HEAD_BYTES, entry, head, record_head, to_u64};
use crate::idx::{self, Entry, PackId};
use crate::packs::{Names, announce};
use crate::{ChunkId, Error, ErrorKind, Result};

const BUFFER_BYTES: usize = 256 << 10;
/// Nothing that has a name in the store is ever written to.
const MODE: u32 = 0o444;

/// A pack that is being written; dropping it leaves nothing.
#[derive(Debug)]
pub struct PackWriter {
    packs: Arc<Dir>,
    file: BufWriter<File>,
    part: Part,
    entries: Vec<Entry>,
    ids: HashSet<ChunkId>,
    bytes: u64,
    /// A write failed, so that nobody knows what the file holds.
    failed: bool,
}

impl PackWriter {
    pub(crate) fn begin(packs: &Arc<Dir>, dir: &Arc<Dir>, part: &Path) -> Result<PackWriter> {
        let (part, file) = Part::create(dir, part)?;
        let mut writer = PackWriter {
            packs: packs.clone(),
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            part,
            entries: Vec::new(),
            ids: HashSet::new(),
            bytes: 0,
            failed: false,
        };
        writer.write(&head())?;
        Ok(writer)
    }

    /// Adds a chunk's segment; an id that was pushed before is passed over. That the segment inflates to `raw_bytes` bytes with this id
    /// is the caller's word.
    ///
    /// Fails with [`TooLarge`](crate::ErrorKind::TooLarge) when no chunk is that large (the pack is as before), with [`NoSpace`](crate::ErrorKind::NoSpace) and
    /// others when the disk does not take it; then nothing can be pushed or sealed any more.
    pub fn push(&mut self, id: ChunkId, raw_bytes: u32, segment: &[u8]) -> Result<()> {
        if self.ids.contains(&id) {
            return Ok(());
        }
        let offset = self.bytes + to_u64(RECORD_HEAD_BYTES);
        let entry = entry(id, offset, raw_bytes, segment)?;
        self.write(&record_head(&entry))?;
        self.write(segment)?;
        self.entries.push(entry);
        self.ids.insert(id);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, id: ChunkId) -> bool {
        self.ids.contains(&id)
    }

    /// Bytes of the pack so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes pack and idx durable, still without a name in the store.
    ///
    /// On failure both are removed. A file that the disk refused to sync (EIO) is given up, since its pages may be lost whatever a
    /// second sync says: what can be read back and is sound is written to a new one, once.
    pub fn seal(mut self) -> Result<Sealed> {
        if self.failed {
            return Err(self
                .part
                .failed(io::Error::other("an earlier write failed"), self.bytes));
        }
        let synced = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_data());
        if let Err(error) = synced {
            let rewritten = files::is_disk_fault(&error) && self.rewrite().is_ok();
            if !rewritten {
                return Err(self.part.failed(error, self.bytes));
            }
        }
        let (id, idx_bytes) = idx::encode(&mut self.entries, self.bytes)?;
        let pack_file = Stat::of(self.file.get_ref())
            .map_err(|error| Error::files(format!("writing pack {id}"), error))?;
        let idx = durable(&self.part.dir, &beside(&self.part.path, ".idx"), &idx_bytes)?;
        Ok(Sealed {
            id,
            packs: self.packs,
            pack: self.part,
            idx,
            pack_file: pack_file.id,
        })
    }

    /// The same pack in a new file, synced; the old file is gone.
    fn rewrite(&mut self) -> Result<()> {
        let (part, file) = Part::create(&self.part.dir, &beside(&self.part.path, ".again"))?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let old = std::mem::replace(&mut self.file, file);
        self.part = part;
        let entries = std::mem::take(&mut self.entries);
        self.ids.clear();
        self.bytes = 0;
        self.write(&head())?;
        for entry in entries {
            let mut segment = vec![0; usize::try_from(entry.segment_bytes).unwrap_or(0)];
            let read = old.get_ref().read_exact_at(&mut segment, entry.offset);
            read.map_err(|error| Error::io("reading a pack back", error))?;
            if crc32fast::hash(&segment) != entry.crc32 {
                let text = format!("reading chunk {} back: the disk lost it", entry.id);
                return Err(Error::new(ErrorKind::Integrity, text));
            }
            self.push(entry.id, entry.raw_bytes, &segment)?;
        }
        let synced = self.file.flush();
        let synced = synced.and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| self.part.failed(error, self.bytes))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.failed {
            return Err(self
                .part
                .failed(io::Error::other("an earlier write failed"), self.bytes));
        }
        if let Err(error) = self.file.write_all(bytes) {
            self.failed = true;
            return Err(self.part.failed(error, self.bytes));
        }
        self.bytes += to_u64(bytes.len());
        Ok(())
    }
}

fn beside(part: &Path, end: &str) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A synced file of these bytes; one that the disk refused to sync is given up, and another one written.
fn durable(dir: &Arc<Dir>, path: &Path, bytes: &[u8]) -> Result<Part> {
    match written(dir, path, bytes)? {
        (part, Ok(())) => Ok(part),
        (part, Err(error)) if files::is_disk_fault(&error) => {
            drop(part);
            let (part, synced) = written(dir, &beside(path, ".again"), bytes)?;
            synced.map_err(|error| part.failed(error, to_u64(bytes.len())))?;
            Ok(part)
        }
        (part, Err(error)) => Err(part.failed(error, to_u64(bytes.len()))),
    }
}

fn written(dir: &Arc<Dir>, path: &Path, bytes: &[u8]) -> Result<(Part, io::Result<()>)> {
    let (part, mut file) = Part::create(dir, path)?;
    let synced = file.write_all(bytes).and_then(|()| file.sync_data());
    Ok((part, synced))
}

/// A complete pack without a name in the store; dropping it removes it.
#[derive(Debug)]
pub struct Sealed {
    id: PackId,
    packs: Arc<Dir>,
    pack: Part,
    idx: Part,
    /// Which file the pack is, whatever its name.
    pack_file: (u64, u64),
}

/// What is done to give a sealed pack its names, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing is visible before this.
    MakeFolder,
    SyncTop,
    NamePack,
    SyncPack,
    NameIdx,
    SyncIdx,
}

impl Sealed {
    pub fn id(&self) -> PackId {
        self.id
    }

    /// Gives the pack its names; on return it survives a power loss. A pack of that id that is there already is replaced.
    ///
    /// On failure nothing is visible that was not before, and the files are removed. Hold the store's lock at least shared: to
    /// who looks in the middle of it, the pack is one without an idx.
    pub fn keep(self) -> Result<()> {
        self.keep_by(&mut |_| Ok(()))
    }

    /// `before` is asked before each step and may refuse it.
    pub(crate) fn keep_by(
        mut self,
        before: &mut dyn FnMut(Step) -> files::Result<()>,
    ) -> Result<()> {
        let names = Names::of(self.id);
        let there_before = !matches!(self.packs.stat(&names.idx), Ok(None));
        // Told before, to learn that it cannot be done while nothing has happened.
        announce(&self.packs)?;
        let kept = self.name(&names, before);
        if kept.is_err() && !there_before {
            self.take_back(&names);
        }
        // Without room for one byte others hear of it with the next change.
        let _ = announce(&self.packs);
        kept.map_err(|error| Error::files(format!("keeping pack {}", self.id), error))
    }

    fn name(
        &mut self,
        names: &Names,
        before: &mut dyn FnMut(Step) -> files::Result<()>,
    ) -> files::Result<()> {
        before(Step::MakeFolder)?;
        let folder = self.packs.create_dir_all(&names.folder, 0o755)?;
        before(Step::SyncTop)?;
        // Also when the folder was there: who made it may not have come this far.
        self.packs.sync()?;
        before(Step::NamePack)?;
        self.pack.rename_into(&self.packs, &names.pack)?;
        before(Step::SyncPack)?;
        folder.sync()?;
        before(Step::NameIdx)?;
        self.idx.rename_into(&self.packs, &names.idx)?;
        before(Step::SyncIdx)?;
        folder.sync()
    }

    /// Removes what got a name, idx first.
    fn take_back(&self, names: &Names) {
        if !self.idx.is_there {
            let _ = self.packs.remove_file(&names.idx);
        }
        // Another process that keeps the same pack at this moment may have put its own there.
        let ours = |stat: &Stat| stat.id == self.pack_file;
        let stat = |path| self.packs.stat(path).ok().flatten();
        if stat(&names.idx).is_none() && stat(&names.pack).as_ref().is_some_and(ours) {
            let _ = self.packs.remove_file(&names.pack);
        }
    }
}

/// A file without a name in the store; removed with the value.
#[derive(Debug)]
struct Part {
    dir: Arc<Dir>,
    path: PathBuf,
    is_there: bool,
}

impl Part {
    fn create(dir: &Arc<Dir>, path: &Path) -> Result<(Part, File)> {
        let file = dir.create_file(path, MODE).map_err(|error| {
            let full = error.kind() == files::ErrorKind::NoSpace;
            Error::files(with_free("creating a pack".to_owned(), full, dir), error)
        })?;
        let part = Part {
            dir: dir.clone(),
            path: path.to_owned(),
            is_there: true,
        };
        Ok((part, file))
    }

    fn rename_into(&mut self, dir: &Dir, path: &Path) -> files::Result<()> {
        self.dir.rename_into(&self.path, dir, path)?;
        self.is_there = false;
        Ok(())
    }

    /// The error of a write after `bytes` bytes.
    fn failed(&self, error: io::Error, bytes: u64) -> Error {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        let doing = format!("writing a pack, after {bytes} bytes");
        Error::io(with_free(doing, full, &self.dir), error)
    }
}

/// A full disk is more than its errno: many free bytes mean that inodes or the quota have run out.
fn with_free(doing: String, full: bool, dir: &Dir) -> String {
    match dir.free_bytes() {
        Ok(free) if full => format!("{doing}: {free} bytes are free at {}", dir.path().display()),
        _ => doing,
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.is_there {
            // What stays behind is found by whoever cleans the folder.
            let _ = self.dir.remove_file(&self.path);
        }
    }
}
