//! Copying entries, all cores at it, every byte checked.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Seek};
use std::num::NonZero;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use toolkit::{Failure, Result};

use super::failed;
use super::list::{File, List};

/// One file to copy.
struct Job<'a> {
    entry: usize,
    from: PathBuf,
    to: PathBuf,
    file: &'a File,
}

/// Copies entries, each a list and the folder of its files, into one folder.
///
/// Returns the numbers of those that are not whole, or that have a file in common with an earlier one; nothing of them is left.
pub(super) fn take(entries: &[(&List, &Path)], into: &Path) -> Result<BTreeSet<usize>> {
    let mut broken = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::new();
    for (entry, (list, from)) in entries.iter().enumerate() {
        if list.paths().any(|path| seen.contains(path)) {
            broken.insert(entry);
            continue;
        }
        seen.extend(list.paths());
        jobs.extend(list.files.iter().map(|file| Job {
            entry,
            from: from.join(&file.path),
            to: into.join(&file.path),
            file,
        }));
    }
    let folders: BTreeSet<&Path> = seen.iter().filter_map(|path| path.parent()).collect();
    for folder in folders {
        toolkit::create_folder(&into.join(folder))?;
    }
    // The large ones first, so that no thread is left alone with one in the end.
    jobs.sort_by_key(|job| Reverse(job.file.size_bytes));
    let copied = parallel(&jobs, copy)?;
    let partly = jobs.iter().zip(copied).filter(|(_, whole)| !whole);
    broken.extend(partly.map(|(job, _)| job.entry));
    for job in jobs.iter().filter(|job| broken.contains(&job.entry)) {
        toolkit::remove(&job.to)?;
        remove_empty(into, &job.file.path);
    }
    Ok(broken)
}

/// Removes folders above a path that nothing is in: uv takes a `.dist-info` for an installed package, whatever is in it.
fn remove_empty(top: &Path, path: &Path) {
    for folder in path
        .ancestors()
        .skip(1)
        .filter(|path| *path != Path::new(""))
    {
        if fs::remove_dir(top.join(folder)).is_err() {
            return;
        }
    }
}

/// Copies one file; false when it is not what its list says. That it cannot be written is an error.
///
/// The copy is one of the kernel's, which shares the bytes where the file system can.
fn copy(job: &Job<'_>) -> Result<bool> {
    let Ok(mut from) = fs::File::open(&job.from) else {
        return Ok(false);
    };
    let mode = if job.file.executable { 0o755 } else { 0o644 };
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&job.to)
        .and_then(|mut to| {
            to.set_permissions(Permissions::from_mode(mode))?;
            io::copy(&mut from, &mut to)
        });
    let bytes = written.map_err(|error| failed("writing", &job.to, &error))?;
    let read = from.rewind().and_then(|()| toolkit::sha256_of(from));
    Ok(bytes == job.file.size_bytes && read.is_ok_and(|sha256| sha256 == job.file.sha256))
}

/// Does something for each of many things, as many at a time as there are cores. Results are in the order of the things.
pub(crate) fn parallel<T: Sync, R: Send>(
    things: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(number) else {
                return Ok(done);
            };
            done.push((number, work(thing)?));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(some)).collect();
        let parts = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(Failure::new("SLP-PYT-199", "a thread has ended early")))
        });
        parts.collect::<Result<Vec<_>>>()
    })?
    .into_iter()
    .flatten()
    .collect();
    done.sort_unstable_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(top: &Path, name: &str, files: &[(&str, &str)]) -> (List, PathBuf) {
        let from = top.join(name);
        for (path, text) in files {
            let file = from.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.into()).collect();
        (List::of(&from, &paths).unwrap(), from)
    }

    #[test]
    fn what_is_whole_is_copied_and_of_the_rest_nothing() {
        let top = tempfile::tempdir().unwrap();
        let a = entry(
            top.path(),
            "a",
            &[("bin/a", "program"), ("lib/a.py", "x = 1")],
        );
        let b = entry(
            top.path(),
            "b",
            &[("lib/b.dist-info/b.py", "x = 2"), ("lib/b2.py", "x = 2")],
        );
        let c = entry(top.path(), "c", &[("lib/c.py", "x = 3")]);
        let d = entry(top.path(), "d", &[("lib/a.py", "x = 4")]);
        fs::write(b.1.join("lib/b2.py"), "x = 7").unwrap();
        fs::remove_file(c.1.join("lib/c.py")).unwrap();
        let into = top.path().join("into");
        let entries = [&a, &b, &c, &d].map(|(list, from)| (list, &**from));
        let broken = take(&entries, &into).unwrap();
        assert_eq!(broken, BTreeSet::from([1, 2, 3]));
        assert_eq!(fs::read(into.join("lib/a.py")).unwrap(), b"x = 1");
        assert!(!into.join("lib/b.dist-info").exists() && !into.join("lib/b2.py").exists());
    }

    #[test]
    fn programs_stay_programs_whatever_the_umask() {
        let top = tempfile::tempdir().unwrap();
        let (mut list, from) = entry(top.path(), "a", &[("a", "1"), ("b", "2")]);
        list.files[0].executable = true;
        let into = top.path().join("into");
        assert!(take(&[(&list, &from)], &into).unwrap().is_empty());
        let mode = |name: &str| into.join(name).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("a"), mode("b")), (0o755, 0o644));
    }
}
