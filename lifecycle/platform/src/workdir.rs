//! A folder that lives as long as one build or run, also when that ends badly.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use files::Lock;

use crate::error::{Doing, Result};
use crate::stop::Stop;

/// Held while a folder is made or swept, never longer.
const GATE: &str = "lock";
/// Beside each folder, held as long as its owner lives.
const SUFFIX: &str = ".lock";
const PATIENCE: Duration = Duration::from_mins(1);

/// A new folder of ours; removed when the value goes, and by the next [`sweep`] if it could not go.
#[derive(Debug)]
pub(crate) struct Workdir<'a> {
    path: PathBuf,
    held: Option<Lock>,
    stop: &'a Stop,
}

impl<'a> Workdir<'a> {
    /// Makes a folder below `parent`, mode 0755: `parent` is for its owner alone, what is mounted must be open.
    pub(crate) fn create(parent: &Path, stop: &'a Stop) -> Result<Workdir<'a>> {
        let doing = || format!("making a folder in {}", parent.display());
        let _gate = Lock::exclusive(&parent.join(GATE), PATIENCE).doing(doing())?;
        let path = free_name(parent);
        let held = Lock::exclusive(&lock_of(&path), PATIENCE).doing(doing())?;
        stop.remember(&path);
        let workdir = Workdir {
            path,
            held: Some(held),
            stop,
        };
        let dir = files::Dir::open(parent).doing(doing())?;
        let name = workdir.path.file_name().unwrap_or_default();
        dir.create_dir(Path::new(name), 0o755).doing(doing())?;
        Ok(workdir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workdir<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next sweep.
        let _ = files::remove_tree(&self.path);
        let _ = fs::remove_file(lock_of(&self.path));
        self.stop.forget(&self.path);
        self.held = None;
    }
}

/// Removes folders whose owners are dead.
pub(crate) fn sweep(parent: &Path) -> Result<()> {
    let doing = || format!("cleaning {}", parent.display());
    let _gate = Lock::exclusive(&parent.join(GATE), PATIENCE).doing(doing())?;
    let dir = files::Dir::open(parent).doing(doing())?;
    for entry in dir.entries().doing(doing())? {
        let path = parent.join(&entry.name);
        let folder = match entry.kind {
            files::Kind::Dir => path,
            // Of a folder that is gone already.
            files::Kind::File => match folder_of(&path) {
                Some(folder) if !folder.exists() => folder,
                _ => continue,
            },
            _ => continue,
        };
        let lock = lock_of(&folder);
        if let Some(held) = Lock::try_exclusive(&lock).doing(doing())? {
            files::remove_tree(&folder).doing(doing())?;
            // Nobody can wait for it: names are given only under the gate.
            let _ = fs::remove_file(&lock);
            drop(held);
        }
    }
    Ok(())
}

/// The folder that a lock belongs to.
fn folder_of(lock: &Path) -> Option<PathBuf> {
    let name = lock.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    Some(lock.with_file_name(name))
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

/// A name nobody has; the caller holds the gate.
fn free_name(parent: &Path) -> PathBuf {
    let own = std::process::id();
    let mut number = 0_u32;
    loop {
        let path = parent.join(format!("{own}-{number}"));
        if fs::symlink_metadata(&path).is_err() && fs::symlink_metadata(lock_of(&path)).is_err() {
            return path;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_value_and_others_stay() {
        let parent = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        let first = Workdir::create(parent.path(), &stop).unwrap();
        let second = Workdir::create(parent.path(), &stop).unwrap();
        assert_ne!(first.path(), second.path());
        let gone = first.path().to_owned();
        drop(first);
        assert!(!gone.exists());
        sweep(parent.path()).unwrap();
        assert!(second.path().is_dir(), "a folder in use is not swept");
    }

    #[test]
    fn what_a_dead_program_left_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join("1-0");
        fs::create_dir_all(left.join("a")).unwrap();
        fs::write(parent.path().join("1-0.lock"), "").unwrap();
        sweep(parent.path()).unwrap();
        assert!(!left.exists());
        assert!(!parent.path().join("1-0.lock").exists());
    }

    #[test]
    fn a_lock_whose_folder_is_gone_is_swept_unless_somebody_holds_it() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        for name in ["1-0.lock", "2-0.lock", "another"] {
            fs::write(at(name), "").unwrap();
        }
        let held = Lock::try_exclusive(&at("2-0.lock")).unwrap();
        sweep(parent.path()).unwrap();
        assert!(held.is_some() && at("2-0.lock").exists() && at("another").exists());
        assert!(!at("1-0.lock").exists());
    }
}
