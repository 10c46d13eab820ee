//! Locks between processes: flock on a file that stays. A dead holder holds nothing.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use crate::{Error, ErrorKind, Result};

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits up to `wait` until nobody else holds the lock at `path`; the file is made when it is missing.
    ///
    /// Fails with [`ErrorKind::Busy`], naming the process that holds it, when the time is over.
    pub fn exclusive(path: &Path, wait: Duration) -> Result<Lock> {
        let lock = acquire(path, FlockOperation::NonBlockingLockExclusive, wait)?;
        lock.sign();
        Ok(lock)
    }

    /// Waits up to `wait` until nobody holds the lock exclusively.
    pub fn shared(path: &Path, wait: Duration) -> Result<Lock> {
        acquire(path, FlockOperation::NonBlockingLockShared, wait)
    }

    /// `None` when somebody else holds it.
    pub fn try_exclusive(path: &Path) -> Result<Option<Lock>> {
        match Lock::exclusive(path, Duration::ZERO) {
            Err(error) if error.kind() == ErrorKind::Busy => Ok(None),
            lock => lock.map(Some),
        }
    }

    /// Makes now the time at which the file was modified, for those who want to know when it was last used. Only a courtesy:
    /// failing is fine. Taking a lock exclusively has done it already.
    pub fn note_use(&self) {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        let _ = rustix::fs::futimens(&self.file, &times);
    }

    /// Leaves our process id in the file, for the message of those who wait. Only a courtesy: failing is fine.
    fn sign(&self) {
        let mut file = &self.file;
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = write!(file, "{}", std::process::id());
    }
}

fn acquire(path: &Path, operation: FlockOperation, wait: Duration) -> Result<Lock> {
    let failed = |error: std::io::Error| Error::io(format!("locking {}", path.display()), error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .open(path)
        .map_err(failed)?;
    // A wait without end has none.
    let end = Instant::now().checked_add(wait);
    let mut pause = Duration::from_millis(1);
    loop {
        match rustix::fs::flock(&file, operation) {
            Ok(()) => return Ok(Lock { file }),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let left = end.map_or(Duration::MAX, |end| {
                    end.saturating_duration_since(Instant::now())
                });
                if left.is_zero() {
                    return Err(busy(path, &file));
                }
                std::thread::sleep(pause.min(left));
                pause = (pause * 2).min(Duration::from_millis(100));
            }
            Err(errno) => return Err(failed(errno.into())),
        }
    }
}

fn busy(path: &Path, mut file: &File) -> Error {
    let mut holder = String::new();
    let _ = file.rewind();
    let _ = file.take(20).read_to_string(&mut holder);
    let by = if holder.is_empty() {
        "another process".to_owned()
    } else {
        format!("process {holder}")
    };
    Error::new(
        ErrorKind::Busy,
        format!("locking {}: {by} holds it", path.display()),
    )
}
