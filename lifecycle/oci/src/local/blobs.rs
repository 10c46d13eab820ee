//! Blobs by digest: written beside, synced, renamed; read with their digest checked.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use files::{Dir, Lock};

use super::names::NAMES;
use super::session::{SESSIONS, Session};
use crate::part::Part;
use crate::{
    Descriptor, Digest, Error, ErrorKind, Hasher, MediaType, Result, Sink, Source, Verified,
};

pub(super) const BLOBS: &str = "blobs/sha256";
pub(super) const LOCK: &str = "lock";
const FORMAT: &str = "format";
const FORMAT_LINE: &str = "slipway store 1\n";
/// Collections take seconds; whoever waits longer than this hears about it.
const PATIENCE: Duration = Duration::from_mins(5);
const BUFFER_BYTES: usize = 256 << 10;

/// The blobs of a store and this program's session in it.
pub(super) struct Blobs {
    pub(super) dir: Arc<Dir>,
    /// None in a store we can only read.
    session: Option<Session>,
}

impl Blobs {
    pub(super) fn open(path: &Path) -> Result<Blobs> {
        let failed = |error: files::Error| {
            Error::files(format!("opening the store {}", path.display()), error)
        };
        match Blobs::open_to_write(path) {
            Err(error) if error.kind() == ErrorKind::Denied && path.join(BLOBS).is_dir() => {
                let dir = Arc::new(Dir::open(path).map_err(failed)?);
                check_format(&dir)?;
                Ok(Blobs { dir, session: None })
            }
            result => result,
        }
    }

    fn open_to_write(path: &Path) -> Result<Blobs> {
        let doing = || format!("opening the store {}", path.display());
        let failed = |error: files::Error| Error::files(doing(), error);
        std::fs::create_dir_all(path).map_err(|error| Error::io(doing(), error))?;
        let dir = Arc::new(Dir::open(path).map_err(failed)?);
        if dir.stat(Path::new(FORMAT)).map_err(failed)?.is_none() {
            for folder in [BLOBS, NAMES, SESSIONS] {
                dir.create_dir_all(Path::new(folder), 0o755)
                    .map_err(failed)?;
            }
            for folder in ["blobs", ""] {
                files::sync_dir(&path.join(folder)).map_err(failed)?;
            }
            // Last, so that what has a format is complete.
            files::write_durable(&path.join(FORMAT), FORMAT_LINE.as_bytes()).map_err(failed)?;
        }
        check_format(&dir)?;
        let mut blobs = Blobs { dir, session: None };
        let lock = blobs.share()?;
        blobs.session = Some(Session::begin(&blobs.dir)?);
        drop(lock);
        Ok(blobs)
    }

    /// Keeps collections away while something is changed or counted on. Never held while bytes are copied or synced.
    pub(super) fn share(&self) -> Result<Lock> {
        let doing = || format!("using the store {}", self.dir.path().display());
        Lock::shared(&self.dir.path().join(LOCK), PATIENCE)
            .map_err(|error| Error::files(doing(), error))
    }

    /// Keeps everybody away.
    pub(super) fn exclude(&self) -> Result<Lock> {
        let doing = || format!("collecting garbage in {}", self.dir.path().display());
        Lock::exclusive(&self.dir.path().join(LOCK), PATIENCE)
            .map_err(|error| Error::files(doing(), error))
    }

    fn session(&self) -> Result<&Session> {
        let text = || {
            format!(
                "writing to the store {}, which is read-only",
                self.dir.path().display()
            )
        };
        self.session
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Denied, text()))
    }

    /// Whether the blob is here, and from now on stays.
    pub(super) fn hold(&self, digest: Digest) -> Result<Option<u64>> {
        let failed = |error| Error::files(format!("looking for blob {digest}"), error);
        let Some(session) = &self.session else {
            let stat = self.dir.stat(&path_of(digest)).map_err(failed)?;
            return Ok(stat.map(|stat| stat.size));
        };
        let _lock = self.share()?;
        let Some(stat) = self.dir.stat(&path_of(digest)).map_err(failed)? else {
            return Ok(None);
        };
        session.root(digest)?;
        Ok(Some(stat.size))
    }

    pub(super) fn contains(&self, digest: Digest) -> Result<bool> {
        Ok(self.hold(digest)?.is_some())
    }

    /// A manifest's descriptor by its digest; what type it has is for its bytes to tell.
    pub(super) fn describe(&self, digest: Digest) -> Result<Option<Descriptor>> {
        let size = self.hold(digest)?;
        Ok(size.map(|size| Descriptor {
            media_type: MediaType::OciManifest,
            digest,
            size,
        }))
    }

    pub(super) fn begin(self: &Arc<Self>) -> Result<Box<dyn Sink>> {
        let part = Part::begin(&self.dir, self.session()?.part())?;
        Ok(Box::new(Writer {
            blobs: self.clone(),
            part,
        }))
    }

    /// All digests here, sorted, with their size in bytes.
    pub(super) fn all(&self) -> Result<Vec<(Digest, u64)>> {
        let failed = |error| Error::files("listing blobs", error);
        let mut all = Vec::new();
        for entry in self
            .dir
            .dir(Path::new(BLOBS))
            .and_then(|dir| dir.entries())
            .map_err(failed)?
        {
            let Some(digest) = entry
                .name
                .to_str()
                .and_then(|name| Digest::from_hex(name).ok())
            else {
                continue;
            };
            if let Some(stat) = self.dir.stat(&path_of(digest)).map_err(failed)? {
                all.push((digest, stat.size));
            }
        }
        Ok(all)
    }

    pub(super) fn check(&self) -> Result<Vec<Digest>> {
        let mut removed = Vec::new();
        for (digest, _) in self.all()? {
            if self.remove_if_broken(digest)? {
                removed.push(digest);
            }
        }
        Ok(removed)
    }

    /// Removes a blob whose bytes are not those of its digest, so that it counts as absent and is written again.
    fn remove_if_broken(&self, digest: Digest) -> Result<bool> {
        if self.is_sound(digest)? {
            return Ok(false);
        }
        // Somebody may have written it anew since.
        let _lock = self.exclude()?;
        if self.is_sound(digest)? {
            return Ok(false);
        }
        self.dir
            .remove_file(&path_of(digest))
            .map_err(|error| Error::files(format!("removing broken blob {digest}"), error))?;
        Ok(true)
    }

    /// Absent is sound.
    fn is_sound(&self, digest: Digest) -> Result<bool> {
        let mut file = match self.dir.file(&path_of(digest)) {
            Err(error) if error.kind() == files::ErrorKind::NotFound => return Ok(true),
            file => file.map_err(|error| Error::files(format!("opening blob {digest}"), error))?,
        };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finish() == digest),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A disk that does not give the bytes back is as good as wrong bytes.
                Err(_) => return Ok(false),
            }
        }
    }
}

pub(super) fn path_of(digest: Digest) -> PathBuf {
    Path::new(BLOBS).join(digest.hex())
}

fn check_format(dir: &Dir) -> Result<()> {
    let doing = || format!("opening the store {}", dir.path().display());
    match dir
        .read(Path::new(FORMAT), 1024)
        .map_err(|error| Error::files(doing(), error))?
    {
        Some(line) if line == FORMAT_LINE.as_bytes() => Ok(()),
        Some(line) => {
            let text = format!(
                "{}: its format is {:?}, made by a newer slipway",
                doing(),
                String::from_utf8_lossy(&line)
            );
            Err(Error::new(ErrorKind::Unsupported, text))
        }
        None => Err(Error::new(
            ErrorKind::NotFound,
            format!("{}: it has no format file", doing()),
        )),
    }
}

impl Source for Arc<Blobs> {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        let doing = || format!("opening blob {}", blob.digest);
        let file = self
            .dir
            .file(&path_of(blob.digest))
            .map_err(|error| Error::files(doing(), error))?;
        let bytes = Verified::new(file, blob);
        Ok(Box::new(Reader {
            blobs: self.clone(),
            digest: blob.digest,
            bytes,
        }))
    }
}

/// Reads a blob; one that turns out broken is removed, so that the next build heals it.
struct Reader {
    blobs: Arc<Blobs>,
    digest: Digest,
    bytes: Verified<File>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer).inspect_err(|error| {
            let broken = error
                .get_ref()
                .and_then(|error| error.downcast_ref::<Error>());
            if broken.is_some_and(|error| error.kind() == ErrorKind::Integrity)
                && self.blobs.session.is_some()
            {
                // The reader's error is the one to tell.
                let _ = self.blobs.remove_if_broken(self.digest);
            }
        })
    }
}

/// A blob that is being written.
struct Writer {
    blobs: Arc<Blobs>,
    part: Part,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}

impl Sink for Writer {
    fn finish(mut self: Box<Self>, blob: &Descriptor) -> Result<()> {
        self.part.seal(blob)?;
        let failed = |error| Error::files(format!("writing blob {}", blob.digest), error);
        let lock = self.blobs.share()?;
        self.blobs.session()?.root(blob.digest)?;
        self.part.keep(&path_of(blob.digest)).map_err(failed)?;
        drop(lock);
        files::sync_dir(&self.blobs.dir.path().join(BLOBS)).map_err(failed)
    }
}
