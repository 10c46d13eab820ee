//! A running program in the store: its half-written blobs, and the digests it counts on.
//!
//! The folder is locked as long as the program lives; a dead one's holds nothing and is removed by the next collection.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use files::{Dir, Lock};

use super::blobs::LOCK as STORE_LOCK;
use crate::{Digest, Error, Result};

pub(super) const SESSIONS: &str = "sessions";
const LOCK: &str = "lock";
const ROOTS: &str = "roots";
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
    file: File,
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
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if roots.known.contains(&digest) {
            return Ok(());
        }
        // One write of one line; that the process lives is all that makes it count, so nothing is synced.
        let line = format!("{}\n", digest.hex());
        roots
            .file
            .write_all(line.as_bytes())
            .map_err(|error| Error::io(format!("protecting blob {digest}"), error))?;
        roots.known.insert(digest);
        Ok(())
    }

    /// A fresh name for a half-written blob, relative to the store.
    pub(super) fn part(&self) -> PathBuf {
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("{number}.part"))
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

/// What the sessions of a store hold; removes the folders of dead ones. Call with the store's lock held exclusively.
pub(super) fn roots_of_the_living(root: &Dir) -> Result<BTreeSet<Digest>> {
    let failed = |error| Error::files("reading sessions", error);
    let mut roots = BTreeSet::new();
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
        roots.extend(
            text.split(|byte| *byte == b'\n')
                .filter_map(|line| Digest::from_hex(std::str::from_utf8(line).ok()?).ok()),
        );
    }
    Ok(roots)
}
