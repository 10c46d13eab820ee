//! Keeps what can be had again below a size: what was used last goes last, and nothing goes that a running program counts on.
//!
//! Folders that are bounded are the shelves below; whoever adds one adds an entry to [`shelves`]. The time of use is that of the
//! lock beside a thing, or of the file itself, never the file system's time of access, which many machines do not keep.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use files::{Dir, Kind, Lock};

use crate::error::{Doing, Result};
use crate::gone;
use crate::host::Host;
use crate::state::State;
use crate::wheels;

/// Measuring takes a look at every file, so it is not done after every build.
const EVERY: Duration = Duration::from_hours(1);
/// A line: the bound.
const STAMP_BYTES: u64 = 64;

/// What may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many bytes altogether.
    pub bytes: u64,
    /// What was used since; anything when `None`.
    pub used_since: Option<SystemTime>,
}

impl Keep {
    /// Everything goes.
    pub const NOTHING: Keep = Keep {
        bytes: 0,
        used_since: None,
    };
}

/// A folder whose entries can be had again.
struct Shelf {
    path: PathBuf,
    locks: Locks,
    /// What in an entry has the time of its use, if not the entry or its lock.
    mark: Option<&'static str>,
}

/// Who has an entry has this lock, at least shared.
enum Locks {
    /// `<entry>.lock` beside it.
    Each,
    /// One for all of them.
    One(PathBuf),
}

fn shelves(state: &State) -> Vec<Shelf> {
    let base = || Locks::One(state.base_lock());
    let wheels = wheels::contexts(&state.wheels());
    let wheels = wheels.into_iter().map(|path| Shelf {
        path,
        locks: Locks::One(state.wheels_lock()),
        mark: Some(wheels::LIST),
    });
    let mut shelves = vec![
        Shelf {
            path: state.downloads().join("debs"),
            locks: base(),
            mark: None,
        },
        Shelf {
            path: state.downloads().join("indexes"),
            locks: base(),
            mark: None,
        },
        Shelf {
            path: state.layers(),
            locks: Locks::Each,
            mark: None,
        },
        Shelf {
            path: state.reuse(),
            locks: Locks::Each,
            mark: None,
        },
    ];
    shelves.extend(wheels);
    shelves
}

/// An entry of a shelf.
struct Item {
    shelf: PathBuf,
    name: String,
    lock: PathBuf,
    used: SystemTime,
    bytes: u64,
}

/// Trims to the bound of `host`, unless that was done a short while ago.
pub(crate) fn when_due(host: &Host<'_>) -> Result<()> {
    let bound = host.cache_bytes;
    if is_due(host.state, bound, host.now) {
        let keep = Keep {
            bytes: bound,
            used_since: None,
        };
        trim(host.state, keep)?;
        // What cannot be noted, on a full disk say, is measured again.
        let _ = fs::write(host.state.trimmed(), bound.to_string());
    }
    Ok(())
}

fn is_due(state: &State, bound: u64, now: SystemTime) -> bool {
    let path = state.trimmed();
    let noted = fs::metadata(&path).and_then(|found| found.modified()).ok();
    // A time in the future was noted by a clock that was wrong.
    let age = noted.and_then(|noted| now.duration_since(noted).ok());
    let of = || -> Option<u64> {
        let dir = Dir::open(path.parent()?).ok()?;
        let text = dir.read(Path::new(path.file_name()?), STAMP_BYTES).ok()??;
        std::str::from_utf8(&text).ok()?.parse().ok()
    };
    age.is_none_or(|age| age >= EVERY) || of() != Some(bound)
}

/// Removes what was not used since the given time, then what was used longest ago until no more than the given bytes are left.
///
/// What is in use stays, whatever its size. What is removed is gone at once or not at all, also when the program is killed.
pub(crate) fn trim(state: &State, keep: Keep) -> Result<()> {
    let mut items = Vec::new();
    for shelf in shelves(state) {
        shelf.items(&mut items)?;
    }
    items.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut bytes: u64 = items.iter().map(|item| item.bytes).sum();
    for item in items {
        let is_old = keep.used_since.is_some_and(|since| item.used < since);
        if (item.is_half() || is_old || bytes > keep.bytes) && item.remove()? {
            bytes -= item.bytes;
        }
    }
    Ok(())
}

impl Shelf {
    fn items(&self, into: &mut Vec<Item>) -> Result<()> {
        // One that nobody has made yet is empty.
        let Ok(dir) = Dir::open(&self.path) else {
            return Ok(());
        };
        let doing = || format!("measuring {}", self.path.display());
        for entry in dir.entries().doing(doing())? {
            let Some(name) = entry.name.to_str() else {
                continue;
            };
            if !is_item(name, entry.kind) {
                continue;
            }
            let path = self.path.join(name);
            let lock = match &self.locks {
                Locks::Each => self.path.join(format!("{}.lock", gone::whole(name))),
                Locks::One(lock) => lock.clone(),
            };
            let mark = match (&self.locks, self.mark) {
                (_, Some(mark)) => &path.join(mark),
                (Locks::Each, None) => &lock,
                (Locks::One(_), None) => &path,
            };
            let (Some(used), bytes) = (modified(mark).or_else(|| modified(&path)), size_of(&path)?)
            else {
                continue;
            };
            into.push(Item {
                shelf: self.path.clone(),
                name: name.to_owned(),
                lock,
                used,
                bytes,
            });
        }
        Ok(())
    }
}

fn is_item(name: &str, kind: Kind) -> bool {
    let is_lock = Path::new(name).extension().is_some_and(|it| it == "lock");
    matches!(kind, Kind::Dir | Kind::File) && !is_lock
}

impl Item {
    /// What a program left that died over it.
    fn is_half(&self) -> bool {
        self.name.starts_with(gone::PREFIX)
    }

    /// What goes first comes first.
    fn order(&self) -> (bool, SystemTime, &str) {
        (!self.is_half(), self.used, &self.name)
    }

    /// False when somebody has it.
    fn remove(&self) -> Result<bool> {
        let doing = || format!("removing {}", self.shelf.join(&self.name).display());
        let Some(_alone) = Lock::try_exclusive(&self.lock).doing(doing())? else {
            return Ok(false);
        };
        let dir = Dir::open(&self.shelf).doing(doing())?;
        gone::remove(&dir, &self.name).doing(doing())?;
        Ok(true)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path).ok()?.modified().ok()
}

/// Bytes of a file, or of all files below a folder; what vanishes meanwhile, or may not be read, counts nothing.
pub(crate) fn size_of(path: &Path) -> Result<u64> {
    let Ok(top) = Dir::open(path) else {
        let found = fs::symlink_metadata(path).ok();
        return Ok(found
            .filter(fs::Metadata::is_file)
            .map_or(0, |found| found.len()));
    };
    let mut bytes = 0;
    let mut folders = vec![PathBuf::new()];
    while let Some(path) = folders.pop() {
        let entries = if path.as_os_str().is_empty() {
            top.entries()
        } else {
            top.dir(&path).and_then(|dir| dir.entries())
        };
        for entry in entries.unwrap_or_default() {
            let path = path.join(&entry.name);
            match entry.kind {
                Kind::Dir => folders.push(path),
                Kind::File => {
                    let stat = top.stat(&path).doing("measuring what is kept")?;
                    bytes += stat.map_or(0, |stat| stat.size);
                }
                _ => {}
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
