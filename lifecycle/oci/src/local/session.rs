//! A running program in the store: its half-written blobs, and the blobs and packs it counts on.
//!
//! The folder is locked as long as the program lives; a dead one's holds nothing and is removed by the next collection.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chunks::{ChunkId, PackId};
use files::{Dir, Lock};

use super::blobs::LOCK as STORE_LOCK;
use crate::{Digest, Error, Result};

pub(super) const SESSIONS: &str = "sessions";
const LOCK: &str = "lock";
const ROOTS: &str = "roots";
/// What a line that names a pack begins with; others name blobs.
const PACK: &str = "pack";
/// A session has at most so many bytes of roots that are read: a million digests.
const ROOTS_BYTES: u64 = 65 << 20;

/// The folder of one opened store.
pub(super) struct Session {
    /// Relative to the store.
    path: PathBuf,
    on_disk: PathBuf,
    store_lock: PathBuf,
    roots: Mutex<Roots>,
    parts: AtomicU64,
    _alive: Lock,
}

struct Roots {
    known: BTreeSet<Digest>,
    packs: BTreeSet<PackId>,
    /// Chunks of those packs that were read and found sound.
    chunks: HashSet<ChunkId>,
    file: File,
}

/// What running programs count on.
#[derive(Default)]
pub(super) struct Living {
    pub(super) blobs: BTreeSet<Digest>,
    pub(super) packs: BTreeSet<PackId>,
}

impl Session {
    /// Call with the store's lock held shared, so that no collection sees the folder before it is locked.
    pub(super) fn begin(root: &Dir) -> Result<Session> {
        let doing = || format!("opening a session in {}", root.path().display());
        let failed = |error| Error::files(doing(), error);
        let path = new_folder(root)?;
        let dir = root.dir(&path).map_err(failed)?;
        let file = dir.create_file(Path::new(ROOTS), 0o644).map_err(failed)?;
        let on_disk = root.path().join(&path);
        let alive = Lock::try_exclusive(&on_disk.join(LOCK)).map_err(failed)?;
        let alive = alive.ok_or_else(|| Error::new(crate::ErrorKind::Busy, doing()))?;
        let roots = Mutex::new(Roots {
            known: BTreeSet::new(),
            packs: BTreeSet::new(),
            chunks: HashSet::new(),
            file,
        });
        Ok(Session {
            path,
            on_disk,
            store_lock: root.path().join(STORE_LOCK),
            roots,
            parts: AtomicU64::new(0),
            _alive: alive,
        })
    }

    /// Protects a blob from collections as long as the session lives. Call with the store's lock held shared.
    pub(super) fn root(&self, digest: Digest) -> Result<()> {
        let mut roots = self.held();
        if !roots.known.contains(&digest) {
            roots.note(&digest.hex())?;
            roots.known.insert(digest);
        }
        Ok(())
    }

    /// Whether the session protects a blob already.
    pub(super) fn roots(&self, digest: Digest) -> bool {
        self.held().known.contains(&digest)
    }

    /// Protects a pack in the same way.
    pub(super) fn pin(&self, pack: PackId) -> Result<()> {
        let mut roots = self.held();
        if !roots.packs.contains(&pack) {
            roots.note(&format!("{PACK} {pack}"))?;
            roots.packs.insert(pack);
        }
        Ok(())
    }

    pub(super) fn pins(&self, pack: PackId) -> bool {
        self.held().packs.contains(&pack)
    }

    /// Remembers that a chunk of a pinned pack is sound.
    pub(super) fn count_on(&self, chunk: ChunkId) {
        self.held().chunks.insert(chunk);
    }

    pub(super) fn counts_on(&self, chunk: ChunkId) -> bool {
        self.held().chunks.contains(&chunk)
    }

    fn held(&self) -> MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh name for a half-written blob, relative to the store.
    pub(super) fn part(&self) -> PathBuf {
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("{number}.part"))
    }
}

impl Roots {
    /// One write of one line; that the process lives is all that makes it count, so nothing is synced.
    fn note(&mut self, line: &str) -> Result<()> {
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(|error| Error::io(format!("protecting {line}"), error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A collection is looking at this folder right now, or what stays behind is removed by the next one.
        let Ok(_lock) = Lock::shared(&self.store_lock, Duration::ZERO) else {
            return;
        };
        let _ = files::remove_tree(&self.on_disk);
    }
}

/// The process id makes a name that is free in most cases; containers may share a store and have equal ids.
fn new_folder(root: &Dir) -> Result<PathBuf> {
    let mut number: u64 = 0;
    loop {
        let path = Path::new(SESSIONS).join(format!("{}-{number}", std::process::id()));
        match root.create_dir(&path, 0o755) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == files::ErrorKind::Exists => number += 1,
            Err(error) => return Err(Error::files("opening a session", error)),
        }
    }
}

/// Number of sessions, of living and dead programs.
pub(super) fn count(root: &Dir) -> Result<usize> {
    let sessions = root.dir(Path::new(SESSIONS)).and_then(|dir| dir.entries());
    let sessions = sessions.map_err(|error| Error::files("listing sessions", error))?;
    Ok(sessions.len())
}

/// What the sessions of a store hold; removes the folders of dead ones. Call with the store's lock held exclusively.
pub(super) fn living(root: &Dir) -> Result<Living> {
    let failed = |error| Error::files("reading sessions", error);
    let mut living = Living::default();
    for entry in root
        .dir(Path::new(SESSIONS))
        .and_then(|dir| dir.entries())
        .map_err(failed)?
    {
        let path = Path::new(SESSIONS).join(&entry.name);
        let on_disk = root.path().join(&path);
        let dead = entry.kind != files::Kind::Dir
            || Lock::try_exclusive(&on_disk.join(LOCK))
                .map_err(failed)?
                .is_some();
        if dead {
            files::remove_tree(&on_disk).map_err(failed)?;
            continue;
        }
        let text = root
            .read(&path.join(ROOTS), ROOTS_BYTES)
            .map_err(failed)?
            .unwrap_or_default();
        living.read(&text);
    }
    Ok(living)
}

impl Living {
    /// Reads the lines of one session; the last one may be half written and counts as little as it says.
    fn read(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else {
                continue;
            };
            match line.strip_prefix(PACK) {
                Some(pack) => self.packs.extend(PackId::from_hex(pack.trim_start())),
                None => self.blobs.extend(Digest::from_hex(line)),
            }
        }
    }
}
