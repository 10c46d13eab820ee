//! Writes that are there after a power loss, whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::{Dir, Error, Kind, Result, Stat};

/// How names of files begin that [`write_durable`] has not finished.
const UNFINISHED: &str = ".new-";

/// Puts `bytes` at `path`, replacing what is there: a temporary file, synced, renamed, its folder synced; mode 0644.
///
/// On return the new content survives a power loss; on failure the old content is untouched and no temporary
/// file is left. What a killed program leaves is for [`remove_abandoned`].
pub fn write_durable(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: io::Error| Error::io(format!("writing {}", path.display()), error);
    let parent = folder_of(path);
    let written = match write_beside(parent, bytes) {
        // What a disk refused to sync is given up: its pages may be lost and say nothing of it. A new file may find a better place.
        Err(Unwritten::NotSynced) => write_beside(parent, bytes),
        written => written,
    };
    let temporary = written.map_err(|unwritten| failed(unwritten.into()))?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    sync_dir(parent)
}

/// Why a file was not written.
enum Unwritten {
    /// The disk did not take what had been written (EIO).
    NotSynced,
    Failed(io::Error),
}

impl From<Unwritten> for io::Error {
    fn from(unwritten: Unwritten) -> io::Error {
        match unwritten {
            Unwritten::NotSynced => Errno::IO.into(),
            Unwritten::Failed(error) => error,
        }
    }
}

fn write_beside(folder: &Path, bytes: &[u8]) -> std::result::Result<NamedTempFile, Unwritten> {
    let mut temporary = temporary(folder, UNFINISHED).map_err(Unwritten::Failed)?;
    temporary.write_all(bytes).map_err(Unwritten::Failed)?;
    match temporary.as_file().sync_all() {
        Ok(()) => Ok(temporary),
        Err(error) if is_disk_fault(&error) => Err(Unwritten::NotSynced),
        Err(error) => Err(Unwritten::Failed(error)),
    }
}

/// The disk did not take or give back the bytes. After a sync that failed so, the file must not be trusted any more.
pub fn is_disk_fault(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::IO)
}

/// Makes a new file in `folder`, mode 0644, whose name begins with `prefix`; it goes with the value.
///
/// It is locked (flock) as long as it is open, so that [`remove_abandoned`] can tell it from those that nobody will finish.
pub fn temporary(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    loop {
        let made = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        // The umask may have taken bits away.
        made.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        if hold(made.as_file())? {
            return Ok(made);
        }
    }
}

/// Locks a new file for as long as it is open; false when somebody took it for abandoned before that, and removed it.
pub fn hold(file: &File) -> io::Result<bool> {
    // Where there are no locks nothing is ever taken for abandoned.
    let _ = rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::LockExclusive));
    Ok(rustix::fs::fstat(file)?.st_nlink > 0)
}

/// Removes what killed programs left half written in `folder`: files that were made by [`temporary`] with this prefix, or held by
/// [`hold`], and that no program has open.
pub fn remove_abandoned(folder: &Dir, prefix: &str) -> Result<()> {
    for entry in folder.entries()? {
        let ours = entry.name.as_encoded_bytes().starts_with(prefix.as_bytes());
        if ours && entry.kind == Kind::File {
            remove_if_abandoned(folder, Path::new(&entry.name))?;
        }
    }
    Ok(())
}

fn remove_if_abandoned(folder: &Dir, name: &Path) -> Result<()> {
    // One that has its final name by now, or went with its program, is gone.
    let Ok(file) = folder.file(name) else {
        return Ok(());
    };
    let alone = FlockOperation::NonBlockingLockExclusive;
    if rustix::fs::flock(&file, alone).is_err() {
        return Ok(());
    }
    let is_it = |stat: Stat| Stat::of(&file).is_ok_and(|own| own.id == stat.id);
    if folder.stat(name)?.is_some_and(is_it) {
        folder.remove_file(name)?;
    }
    Ok(())
}

/// Makes the names in a folder survive a power loss, after a rename or removal there.
pub fn sync_dir(path: &Path) -> Result<()> {
    let failed =
        |error: io::Error| Error::io(format!("syncing the folder {}", path.display()), error);
    let dir = File::open(path).map_err(failed)?;
    sync_names(dir.as_fd()).map_err(|errno| failed(errno.into()))
}

impl Dir {
    /// Makes the names in this very directory survive a power loss, not those in directories below it.
    pub fn sync(&self) -> Result<()> {
        let doing = || format!("syncing the folder {}", self.path().display());
        sync_names(self.fd()).map_err(|errno| Error::io(doing(), errno))
    }
}

fn sync_names(dir: BorrowedFd<'_>) -> rustix::io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fsync(dir)) {
        // Some file systems cannot sync folders; they keep names in order without.
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        result => result,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
