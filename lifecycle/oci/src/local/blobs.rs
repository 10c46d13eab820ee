//! Blobs by digest, whole or as chunks: read with their digest checked.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chunks::Packs;
use files::{Dir, Lock};

use super::Damage;
use super::names::NAMES;
use super::segmented::{self, PACKS, RECIPES, recipe_of};
use super::session::{SESSIONS, Session};
use super::writer::Writer;
use crate::{
    Descriptor, Digest, Error, ErrorKind, Hasher, MediaType, Result, Sink, Source, Verified,
};

pub(super) const BLOBS: &str = "blobs/sha256";
pub(super) const LOCK: &str = "lock";
const FORMAT: &str = "format";
const FORMAT_WORDS: &str = "slipway store ";
const FORMAT_NUMBER: &str = "2";
/// Collections take seconds; whoever waits longer than this hears about it.
const PATIENCE: Duration = Duration::from_mins(5);
const BUFFER_BYTES: usize = 256 << 10;
/// Whole blobs up to this size are read when they are found.
const CHECKED_BYTES: u64 = 1 << 20;

/// The blobs of a store and this program's session in it.
pub(super) struct Blobs {
    pub(super) dir: Arc<Dir>,
    pub(super) packs: Arc<Packs>,
    /// None in a store we can only read.
    pub(super) session: Option<Session>,
}

impl Blobs {
    pub(super) fn open(path: &Path) -> Result<Blobs> {
        let failed = |error: files::Error| {
            Error::files(format!("opening the store {}", path.display()), error)
        };
        match Blobs::open_to_write(path) {
            Err(error) if error.kind() == ErrorKind::Denied && path.join(BLOBS).is_dir() => {
                let dir = Arc::new(Dir::open(path).map_err(failed)?);
                Blobs::of(dir)
            }
            result => result,
        }
    }

    fn open_to_write(path: &Path) -> Result<Blobs> {
        let doing = || format!("opening the store {}", path.display());
        let failed = |error: files::Error| Error::files(doing(), error);
        std::fs::create_dir_all(path).map_err(|error| Error::io(doing(), error))?;
        let dir = Arc::new(Dir::open(path).map_err(failed)?);
        let lock = share(&dir)?;
        if matches!(format_of(&dir)?, Format::Unknown) {
            for folder in [BLOBS, RECIPES, PACKS, NAMES, SESSIONS] {
                dir.create_dir_all(Path::new(folder), 0o755)
                    .map_err(failed)?;
            }
            for folder in ["blobs", ""] {
                files::sync_dir(&path.join(folder)).map_err(failed)?;
            }
            // Last, so that what has a format is complete.
            let line = format!("{FORMAT_WORDS}{FORMAT_NUMBER}\n");
            files::write_durable(&path.join(FORMAT), line.as_bytes()).map_err(failed)?;
        }
        let mut blobs = Blobs::of(dir)?;
        blobs.session = Some(Session::begin(&blobs.dir)?);
        drop(lock);
        Ok(blobs)
    }

    /// Without a session.
    fn of(dir: Arc<Dir>) -> Result<Blobs> {
        check_format(&dir)?;
        let packs = dir.dir(Path::new(PACKS)).map_err(|error| {
            Error::files(format!("opening the store {}", dir.path().display()), error)
        })?;
        Ok(Blobs {
            packs: Arc::new(Packs::open(Arc::new(packs))),
            dir,
            session: None,
        })
    }

    /// Keeps collections away while something is changed or counted on: while names are given and synced, never while blobs are written.
    pub(super) fn share(&self) -> Result<Lock> {
        share(&self.dir)
    }

    /// Keeps everybody away.
    pub(super) fn exclude(&self) -> Result<Lock> {
        let doing = || format!("collecting garbage in {}", self.dir.path().display());
        Lock::exclusive(&self.dir.path().join(LOCK), PATIENCE)
            .map_err(|error| Error::files(doing(), error))
    }

    /// Fails with `Denied` in a store we can only read.
    pub(super) fn session(&self) -> Result<&Session> {
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

    /// The size of a blob in bytes if it is here, with all its chunks; from now on it stays.
    pub(super) fn hold(&self, digest: Digest) -> Result<Option<u64>> {
        let Some(session) = &self.session else {
            return self.size(digest);
        };
        let _lock = self.share()?;
        let size = self.size(digest)?;
        if size.is_none() || session.roots(digest) {
            return Ok(size);
        }
        if !self.is_what_it_seems(digest)? {
            return Ok(None);
        }
        session.root(digest)?;
        Ok(size)
    }

    /// Small blobs are read before anybody counts on them; of chunks each is checked when it is read, and so are large blobs of others.
    fn is_what_it_seems(&self, digest: Digest) -> Result<bool> {
        let bytes = self.dir.read(&path_of(digest), CHECKED_BYTES);
        match bytes {
            Ok(bytes) => Ok(bytes.is_none_or(|bytes| Digest::of(&bytes) == digest)),
            Err(error) if error.kind() == files::ErrorKind::TooLarge => Ok(true),
            Err(error) => Err(Error::files(format!("looking for blob {digest}"), error)),
        }
    }

    fn size(&self, digest: Digest) -> Result<Option<u64>> {
        let failed = |error| Error::files(format!("looking for blob {digest}"), error);
        if let Some(stat) = self.dir.stat(&path_of(digest)).map_err(failed)? {
            return Ok(Some(stat.size));
        }
        match segmented::recipe(self, digest)? {
            Some(recipe) if segmented::is_complete(&self.packs, &recipe)? => {
                Ok(Some(recipe.blob_bytes()))
            }
            _ => Ok(None),
        }
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
        Ok(Box::new(Writer::new(self)?))
    }

    /// Digests of all whole blobs, sorted.
    pub(super) fn digests(&self) -> Result<Vec<Digest>> {
        let entries = self.dir.dir(Path::new(BLOBS)).and_then(|dir| dir.entries());
        let entries = entries.map_err(|error| Error::files("listing blobs", error))?;
        let names = entries.iter().filter_map(|entry| entry.name.to_str());
        Ok(names
            .filter_map(|name| Digest::from_hex(name).ok())
            .collect())
    }

    /// Digests of all whole blobs, sorted, with their size in bytes.
    pub(super) fn whole(&self) -> Result<Vec<(Digest, u64)>> {
        let failed = |error| Error::files("listing blobs", error);
        let mut all = Vec::new();
        for digest in self.digests()? {
            if let Some(stat) = self.dir.stat(&path_of(digest)).map_err(failed)? {
                all.push((digest, stat.size));
            }
        }
        Ok(all)
    }

    /// Removes the blobs that are broken, and makes damaged packs whole.
    pub(super) fn check(self: &Arc<Self>) -> Result<Damage> {
        let mut damage = self.verify()?;
        if damage.packs > 0 {
            let _lock = self.exclude()?;
            segmented::heal(self, &segmented::damaged(self)?)?;
        }
        let mut removed = Vec::new();
        for digest in damage.blobs {
            if self.remove_if_broken(digest)? {
                removed.push(digest);
            }
        }
        damage.blobs = removed;
        Ok(damage)
    }

    /// Reads everything.
    pub(super) fn verify(self: &Arc<Self>) -> Result<Damage> {
        Ok(Damage {
            blobs: self.broken()?,
            packs: segmented::damaged(self)?.len(),
        })
    }

    /// Blobs whose bytes are not those of their digest.
    fn broken(self: &Arc<Self>) -> Result<Vec<Digest>> {
        let whole = self.whole()?.into_iter().map(|(digest, _)| digest);
        let mut broken = Vec::new();
        for digest in whole.chain(segmented::all(self)?) {
            if !self.is_sound(digest)? {
                broken.push(digest);
            }
        }
        Ok(broken)
    }

    /// Removes a blob whose bytes are not those of its digest, so that it counts as absent and is written again.
    /// Of one that is chunks the recipe goes: a broken chunk is passed over from then on, and written again beside.
    fn remove_if_broken(self: &Arc<Self>, digest: Digest) -> Result<bool> {
        if self.is_sound(digest)? {
            return Ok(false);
        }
        // Somebody may have written it anew since.
        let _lock = self.exclude()?;
        if self.is_sound(digest)? {
            return Ok(false);
        }
        for path in [path_of(digest), recipe_of(digest)] {
            match self.dir.remove_file(&path) {
                Err(error) if error.kind() == files::ErrorKind::NotFound => {}
                result => result.map_err(|error| {
                    Error::files(format!("removing broken blob {digest}"), error)
                })?,
            }
        }
        Ok(true)
    }

    /// Absent is sound.
    fn is_sound(self: &Arc<Self>, digest: Digest) -> Result<bool> {
        let Some(mut bytes) = self.bytes(digest)? else {
            return Ok(!self
                .dir
                .stat(&recipe_of(digest))
                .is_ok_and(|stat| stat.is_some()));
        };
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match bytes.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finish() == digest),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A disk that does not give the bytes back is as good as wrong bytes.
                Err(_) => return Ok(false),
            }
        }
    }

    /// What is kept under a digest, unchecked.
    fn bytes(&self, digest: Digest) -> Result<Option<Box<dyn Read + Send>>> {
        match self.dir.file(&path_of(digest)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == files::ErrorKind::NotFound => {
                let recipe = segmented::recipe(self, digest)?;
                Ok(recipe.map(|recipe| Box::new(segmented::Reader::new(&self.packs, recipe)) as _))
            }
            Err(error) => Err(Error::files(format!("opening blob {digest}"), error)),
        }
    }
}

fn share(dir: &Dir) -> Result<Lock> {
    let doing = || format!("using the store {}", dir.path().display());
    Lock::shared(&dir.path().join(LOCK), PATIENCE).map_err(|error| Error::files(doing(), error))
}

pub(super) fn path_of(digest: Digest) -> PathBuf {
    Path::new(BLOBS).join(digest.hex())
}

/// What the format file says.
enum Format {
    Ours,
    /// Another number than ours, so another program's.
    Other(String),
    /// No file, or no sense in it.
    Unknown,
}

fn format_of(dir: &Dir) -> Result<Format> {
    let line = dir.read(Path::new(FORMAT), 1024).map_err(|error| {
        Error::files(format!("opening the store {}", dir.path().display()), error)
    })?;
    let line = String::from_utf8_lossy(line.as_deref().unwrap_or_default()).into_owned();
    let number = line
        .strip_prefix(FORMAT_WORDS)
        .and_then(|rest| rest.strip_suffix('\n'));
    Ok(match number {
        Some(FORMAT_NUMBER) => Format::Ours,
        Some(number) if number.parse::<u32>().is_ok() => Format::Other(number.to_owned()),
        _ => Format::Unknown,
    })
}

fn check_format(dir: &Dir) -> Result<()> {
    let doing = || format!("opening the store {}", dir.path().display());
    match format_of(dir)? {
        Format::Ours => Ok(()),
        Format::Other(number) => {
            let text = format!(
                "{}: it has format {number}, and this slipway knows format {FORMAT_NUMBER} only",
                doing()
            );
            Err(Error::new(ErrorKind::Unsupported, text))
        }
        Format::Unknown => Err(Error::new(
            ErrorKind::NotFound,
            format!("{}: it has no format file", doing()),
        )),
    }
}

impl Source for Arc<Blobs> {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        let Some(bytes) = self.bytes(blob.digest)? else {
            let text = format!("opening blob {}", blob.digest);
            return Err(Error::new(ErrorKind::NotFound, text));
        };
        Ok(Box::new(Reader {
            blobs: self.clone(),
            digest: blob.digest,
            bytes: Verified::new(bytes, blob),
        }))
    }
}

/// Reads a blob; one that turns out broken is removed, so that the next build heals it.
struct Reader {
    blobs: Arc<Blobs>,
    digest: Digest,
    bytes: Verified<Box<dyn Read + Send>>,
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
