//! Writes that are there after a power loss, whole or not at all.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::io::Errno;

use crate::{Dir, Error, Result};

/// Puts `bytes` at `path`, replacing what is there: a temporary file, synced, renamed, its folder synced; mode 0644.
///
/// On return the new content survives a power loss; on failure the old content is untouched and no temporary
/// file is left.
pub fn write_durable(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(format!("writing {}", path.display()), error);
    let parent = folder_of(path);
    let mut temporary = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(parent)
        .map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    // The umask may have taken bits away.
    temporary
        .as_file()
        .set_permissions(Permissions::from_mode(0o644))
        .map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    sync_dir(parent)
}

/// Makes the names in a folder survive a power loss, after a rename or removal there.
pub fn sync_dir(path: &Path) -> Result<()> {
    let failed =
        |error: std::io::Error| Error::io(format!("syncing the folder {}", path.display()), error);
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
