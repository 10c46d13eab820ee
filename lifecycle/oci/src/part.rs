//! A blob on its way into a folder: written beside, checked, synced, renamed.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::Dir;

use crate::{Digest, Error, Hasher, Result};

const BUFFER_BYTES: usize = 256 << 10;

/// A half-written blob; dropping it removes the file.
pub(crate) struct Part {
    dir: Arc<Dir>,
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Hasher,
    kept: bool,
}

impl Part {
    /// Starts a new file at `path` beneath `dir`.
    pub(crate) fn begin(dir: &Arc<Dir>, path: PathBuf) -> Result<Part> {
        let file = dir
            .create_file(&path, 0o644)
            .map_err(|error| Error::files("writing a blob", error))?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Part {
            dir: dir.clone(),
            path,
            file,
            hasher: Hasher::new(),
            kept: false,
        })
    }

    /// Shows others that somebody is writing it; false when one of them has removed it before that.
    pub(crate) fn hold(&self) -> Result<bool> {
        files::hold(self.file.get_ref()).map_err(|error| Error::io("writing a blob", error))
    }

    /// What all bytes went through. Ask once, after the last one.
    pub(crate) fn hasher(&mut self) -> Hasher {
        std::mem::take(&mut self.hasher)
    }

    /// Makes the bytes of a blob durable, which were checked.
    pub(crate) fn seal(&mut self, digest: Digest) -> Result<()> {
        self.sync_as(digest)
            .map_err(|error| Error::io(format!("writing blob {digest}"), error))
    }

    /// Makes bytes durable that were checked elsewhere.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let digest = std::mem::take(&mut self.hasher).finish();
        self.sync_as(digest)
    }

    fn sync_as(&mut self, digest: Digest) -> io::Result<()> {
        self.file.flush()?;
        match self.file.get_ref().sync_all() {
            // What the disk did not take may be lost, whatever a second sync would say; a new file may find a better place.
            Err(error) if files::is_disk_fault(&error) => self.rewrite(digest).map_err(|_| error),
            synced => synced,
        }
    }

    /// Puts the bytes into a new file, as far as they can still be read and are those of the digest, and syncs that one.
    fn rewrite(&mut self, digest: Digest) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".again");
        let path = PathBuf::from(name);
        let again = self.dir.create_file(&path, 0o644);
        let file = again.map_err(io::Error::other)?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let old = std::mem::replace(&mut self.file, file);
        let old_path = std::mem::replace(&mut self.path, path);
        let copied = self.copy_from(old.get_ref(), digest);
        let _ = self.dir.remove_file(&old_path);
        copied
    }

    fn copy_from(&mut self, mut old: &File, digest: Digest) -> io::Result<()> {
        files::hold(self.file.get_ref())?;
        old.seek(SeekFrom::Start(0))?;
        io::copy(&mut old, self)?;
        if std::mem::take(&mut self.hasher).finish() != digest {
            return Err(io::Error::other("the disk lost what was written"));
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }

    /// Gives sealed bytes their name beneath the folder; the caller syncs that.
    pub(crate) fn keep(&mut self, path: &Path) -> files::Result<()> {
        self.dir.rename(&self.path, path)?;
        self.kept = true;
        Ok(())
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // What stays behind is found by whoever cleans the folder.
            let _ = self.dir.remove_file(&self.path);
        }
    }
}
