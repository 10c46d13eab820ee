//! Packages are decompressed ahead of their unpacking, on several threads: xz is what takes the time.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crate::deb::Deb;
use crate::error::Result;
use crate::offers::storage;

/// More would only fill the disk earlier.
const THREADS: usize = 4;

/// A package file and the digest it must have, in hex.
pub(crate) struct Task {
    pub(crate) path: PathBuf,
    pub(crate) sha256: String,
}

/// Opens every package, with its data decompressed into a nameless file in `folder`, and hands them over in order.
///
/// Stops at the first error of either side.
pub(crate) fn in_order(
    tasks: Vec<Task>,
    folder: &Path,
    take: &mut dyn FnMut(usize, Deb) -> Result<()>,
) -> Result<()> {
    let count = tasks.len();
    let open: Mutex<VecDeque<(usize, Task)>> = Mutex::new(tasks.into_iter().enumerate().collect());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        for _ in 0..threads.min(THREADS).min(count) {
            let (open, done) = (&open, done.clone());
            scope.spawn(move || {
                let next = || open.lock().ok().and_then(|mut open| open.pop_front());
                while let Some((index, task)) = next() {
                    let deb = decompressed(&task, &folder.join(index.to_string()));
                    // Nobody listens any more when something failed.
                    if done.send((index, deb)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut early: BTreeMap<usize, Result<Deb>> = BTreeMap::new();
        let mut next = 0;
        for (index, deb) in results {
            early.insert(index, deb);
            while let Some(deb) = early.remove(&next) {
                take(next, deb?)?;
                next += 1;
            }
        }
        Ok(())
    })
}

fn decompressed(task: &Task, to: &Path) -> Result<Deb> {
    let deb = Deb::open(&task.path, &task.sha256)?;
    let file = nameless(to).map_err(|error| storage("decompressing a package", error))?;
    deb.with_data_in(Arc::new(file))
}

fn nameless(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}
