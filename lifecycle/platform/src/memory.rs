//! What earlier builds read: digests of files, so that a file that has not changed is not read again.
//!
//! A file has not changed while device, inode, size, mode and both its times are what they were. Setting the time of modification
//! back does not help: the time of change is the system's own. And as a change that follows within the same tick of the file system's
//! clock would not show, a file is remembered only when its times had been in the past for a while when it was read (git calls others
//! racy). What no file system tells stays unseen: writes through a shared mapping that was written to before the file was read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use files::{Dir, Kind, Stat};
use oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::error::{Doing, Result};
use crate::sum::Sum;

/// More than the coarsest clock of a file system: FAT counts every other second.
const SETTLED: Duration = Duration::from_secs(2);
const BUFFER_BYTES: usize = 256 << 10;

/// Files by the path they were read by.
pub(crate) type Facts = BTreeMap<String, Fact>;

/// A file as it was, and the digest (in hex) of the bytes it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact(State, String);

/// Everything by which a change shows: device, inode, mode, size, seconds and nanoseconds of modification and of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State(u64, u64, u32, u64, i64, u32, i64, u32);

impl State {
    fn of(stat: &Stat) -> State {
        let (device, inode) = stat.id;
        State(
            device,
            inode,
            stat.mode,
            stat.size,
            stat.mtime,
            stat.mtime_nanos,
            stat.ctime,
            stat.ctime_nanos,
        )
    }
}

/// What is remembered of the last build, and what will be of this one.
#[derive(Debug)]
pub(crate) struct Memory {
    before: Facts,
    now: Facts,
    /// Seconds since 1970 before which a file must have got its times to be remembered.
    settled_before: i64,
    /// Something is known now that was not before.
    grew: bool,
}

impl Memory {
    /// `now` is not later than the first file is read.
    pub(crate) fn new(before: Facts, now: SystemTime) -> Memory {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let settled = since.saturating_sub(SETTLED).as_secs();
        Memory {
            before,
            now: Facts::new(),
            settled_before: i64::try_from(settled).unwrap_or(0),
            grew: false,
        }
    }

    /// The digest of a file's bytes, when it has not changed since they were read.
    pub(crate) fn recall(&mut self, path: &Path, stat: &Stat) -> Option<Digest> {
        let path = path.to_str()?;
        let fits = |fact: &Fact| fact.0 == State::of(stat);
        if let Some(fact) = self.now.get(path) {
            return Digest::from_hex(&fact.1).ok().filter(|_| fits(fact));
        }
        if !self.before.get(path).is_some_and(fits) {
            return None;
        }
        let (path, fact) = self.before.remove_entry(path)?;
        let digest = Digest::from_hex(&fact.1).ok()?;
        self.now.insert(path, fact);
        Some(digest)
    }

    /// Remembers what a file's bytes were, if a later change is sure to show. `stat` is the same before and after reading.
    pub(crate) fn learn(&mut self, path: &Path, stat: &Stat, digest: Digest) {
        if let Some(path) = path.to_str()
            && self.is_settled(stat)
        {
            let fact = Fact(State::of(stat), digest.hex());
            self.now.insert(path.to_owned(), fact);
            self.grew = true;
        }
    }

    /// Copies a file, unless `to` is absent, and says how many bytes it has and their digest.
    ///
    /// The digest is that of the bytes that were copied, whatever happens to the file meanwhile. `to` is empty and can be read.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        from: &mut File,
        to: Option<&mut File>,
    ) -> io::Result<(u64, Digest)> {
        let before = stat(from)?;
        let Some(known) = self.recall(path, &before) else {
            let (bytes, digest) = pass(from, to)?;
            if is_same(from, &before)? {
                self.learn(path, &before, digest);
            }
            return Ok((bytes, digest));
        };
        let Some(to) = to else {
            return Ok((before.size, known));
        };
        // Through the kernel, where it can share blocks.
        let bytes = io::copy(from, to)?;
        if is_same(from, &before)? {
            return Ok((bytes, known));
        }
        // It changed under our hands: only the copy knows what was copied.
        to.rewind()?;
        pass(to, None)
    }

    /// The digest of bytes that are part of a file of this machine, such as a program's own data; `part` tells them from others of it.
    pub(crate) fn part(&mut self, path: &Path, part: &str, bytes: &[u8]) -> Result<Digest> {
        let stat = File::open(path).and_then(|file| stat(&file));
        let stat = stat.doing(format!("looking at {}", path.display()))?;
        let name = path.join(part);
        if let Some(known) = self.recall(&name, &stat) {
            return Ok(known);
        }
        let digest = Digest::of(bytes);
        self.learn(&name, &stat, digest);
        Ok(digest)
    }

    /// The digest of a file of this machine, by a trusted path.
    pub(crate) fn digest(&mut self, path: &Path) -> io::Result<Digest> {
        let (_, digest) = self.read(path, &mut File::open(path)?, None)?;
        Ok(digest)
    }

    /// The state of a folder that is too large to read: names and everything by which a change of a file shows.
    ///
    /// `None` when something in it has changed so recently that a further change might not show, or cannot be looked at.
    pub(crate) fn state(&self, folder: &Path) -> Option<Digest> {
        let mut sum = Sum::default();
        let settled = Dir::open(folder).and_then(|dir| self.below(&dir, &mut sum));
        settled.unwrap_or(false).then(|| sum.finish())
    }

    fn below(&self, dir: &Dir, sum: &mut Sum) -> files::Result<bool> {
        let entries = dir.entries()?;
        let mut settled = true;
        sum.put(&(entries.len() as u64).to_le_bytes());
        for entry in entries {
            let name = Path::new(&entry.name);
            let Some(stat) = dir.stat(name)? else {
                return Ok(false);
            };
            sum.put(entry.name.as_bytes());
            sum.put(format!("{:?} {:?}", stat.kind, State::of(&stat)).as_bytes());
            // What a folder holds shows in its entries.
            settled &= match stat.kind {
                Kind::Dir => self.below(&dir.dir(name)?, sum)?,
                _ => self.is_settled(&stat),
            };
        }
        Ok(settled)
    }

    fn is_settled(&self, stat: &Stat) -> bool {
        stat.mtime.max(stat.ctime) < self.settled_before
    }

    /// Whether this build knows of a file what the last one did not.
    pub(crate) fn grew(&self) -> bool {
        self.grew
    }

    /// What this build has met, for the next one.
    pub(crate) fn facts(&self) -> &Facts {
        &self.now
    }
}

fn stat(file: &File) -> io::Result<Stat> {
    Stat::of(file).map_err(io::Error::other)
}

fn is_same(file: &File, before: &Stat) -> io::Result<bool> {
    Ok(State::of(&stat(file)?) == State::of(before))
}

/// Reads to the end, copying unless `to` is absent.
fn pass(from: &mut File, mut to: Option<&mut File>) -> io::Result<(u64, Digest)> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((hasher.size(), hasher.finish())),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                hasher.update(bytes);
                if let Some(to) = &mut to {
                    to.write_all(bytes)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
