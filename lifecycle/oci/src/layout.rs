//! OCI image layout directories: what `--output oci:DIR` writes, and what skopeo, umoci, podman and others write and read.
//!
//! Spec: image-spec `image-layout.md`. References are tags there: `org.opencontainers.image.ref.name` holds the tag, and
//! `io.containerd.image.name` the whole name, as buildkit and docker write them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use files::Dir;

use crate::index::{self, Entry};
use crate::part::Part;
use crate::store::publishable;
use crate::{
    Descriptor, Digest, Error, ErrorKind, Image, Images, Index, MediaType, Platform, Reference,
    Result, Sink, Source, Store, Verified, limits,
};

pub(crate) const BLOBS: &str = "blobs/sha256";
/// How names of half-written blobs begin.
const PART: &str = ".part-";
pub(crate) const INDEX: &str = "index.json";
pub(crate) const MARKER: &str = "oci-layout";
pub(crate) const MARKER_BYTES: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(crate) const IMAGE_NAME: &str = "io.containerd.image.name";

/// An open layout directory. Cheap to clone; images read from it keep it open.
#[derive(Clone)]
pub struct Layout {
    dir: Arc<Dir>,
    parts: Arc<AtomicU64>,
}

impl Layout {
    /// Opens a layout that is there.
    ///
    /// Fails with `NotFound` when the folder is no layout, `Unsupported` when it is one of another version.
    pub fn open(path: &Path) -> Result<Layout> {
        let doing = || format!("opening the layout {}", path.display());
        let dir = Dir::open(path).map_err(|error| Error::files(doing(), error))?;
        let marker = dir
            .read(Path::new(MARKER), 4096)
            .map_err(|error| Error::files(doing(), error))?;
        let marker = marker.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("{}: it has no {MARKER} file", doing()),
            )
        })?;
        let marker = crate::json::object(&marker, 4096, MARKER)?;
        match crate::json::text(&marker, "imageLayoutVersion") {
            Some(version) if version.starts_with("1.") => {}
            version => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("{}: its version is {version:?}", doing()),
                ));
            }
        }
        Ok(Layout {
            dir: Arc::new(dir),
            parts: Arc::default(),
        })
    }

    /// Opens a layout, making it when the folder is missing, empty, or holds what a killed program left of making one.
    ///
    /// Fails with `Unsupported` when the folder holds something else.
    pub fn create(path: &Path) -> Result<Layout> {
        let doing = || format!("creating the layout {}", path.display());
        std::fs::create_dir_all(path).map_err(|error| Error::io(doing(), error))?;
        let failed = |error| Error::files(doing(), error);
        let dir = Dir::open(path).map_err(failed)?;
        if dir.stat(Path::new(MARKER)).map_err(failed)?.is_none() {
            if !is_half_made(&dir).map_err(failed)? {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("{}: the folder is neither empty nor a layout", doing()),
                ));
            }
            dir.create_dir_all(Path::new(BLOBS), 0o755)
                .map_err(failed)?;
            files::write_durable(&path.join(INDEX), &Index::empty().to_bytes()).map_err(failed)?;
            // Last, so that what has a marker is complete.
            files::write_durable(&path.join(MARKER), MARKER_BYTES.as_bytes()).map_err(failed)?;
        }
        dir.create_dir_all(Path::new(BLOBS), 0o755)
            .map_err(failed)?;
        Layout::open(path)
    }

    /// What `index.json` says.
    pub fn index(&self) -> Result<Index> {
        let failed = |error| {
            Error::files(
                format!("reading the layout {}", self.dir.path().display()),
                error,
            )
        };
        let bytes = self
            .dir
            .read(Path::new(INDEX), limits::MANIFEST_BYTES)
            .map_err(failed)?
            .unwrap_or_default();
        Index::parse(&bytes, Arc::new(self.clone())).map_err(|error| {
            error.during(format!("reading the layout {}", self.dir.path().display()))
        })
    }

    /// The only image, or the one with this `ref.name`, for this machine when it is an index. `None` when there is none.
    ///
    /// Fails with `Unsupported` when several images fit.
    pub fn image(&self, ref_name: Option<&str>) -> Result<Option<Image>> {
        let index = self.index()?;
        only(&index, ref_name)?.map_or(Ok(None), |entry| {
            index::find(Arc::new(self.clone()), &entry.descriptor, &Platform::host())
        })
    }

    /// Changes `index.json`, with those who do the same kept waiting.
    fn update(&self, change: impl FnOnce(&mut Index)) -> Result<()> {
        let doing = || format!("writing the index of {}", self.dir.path().display());
        // The marker file never changes, so it can carry the lock and no further file is needed.
        let marker = self
            .dir
            .file(Path::new(MARKER))
            .map_err(|error| Error::files(doing(), error))?;
        marker.lock().map_err(|error| Error::io(doing(), error))?;
        self.tidy().map_err(|error| Error::files(doing(), error))?;
        let mut index = self.index()?;
        change(&mut index);
        let path = self.dir.path().join(INDEX);
        files::write_durable(&path, &index.to_bytes()).map_err(|error| Error::files(doing(), error))
    }
}

impl Layout {
    /// Removes what killed programs left half written.
    fn tidy(&self) -> files::Result<()> {
        files::remove_abandoned(&self.dir, ".new-")?;
        files::remove_abandoned(&self.dir.dir(Path::new(BLOBS))?, PART)
    }
}

/// The entry with a reference, or the only one.
pub(crate) fn only<'a>(index: &'a Index, ref_name: Option<&str>) -> Result<Option<&'a Entry>> {
    let fits =
        |entry: &&Entry| ref_name.is_none_or(|wanted| entry.annotation(REF_NAME) == Some(wanted));
    let mut found: Vec<&Entry> = index.entries().iter().filter(fits).collect();
    // One image may have several names.
    found.dedup_by_key(|entry| entry.descriptor.digest);
    match found[..] {
        [] => Ok(None),
        [entry] => Ok(Some(entry)),
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            format!("choosing one of {} images without a name", found.len()),
        )),
    }
}

/// The entry for a name: by its digest, by the whole name, or by its tag where nothing says the whole name.
pub(crate) fn named<'a>(index: &'a Index, name: &Reference) -> Option<&'a Entry> {
    let entries = index.entries();
    if let Some(digest) = name.digest() {
        return entries
            .iter()
            .find(|entry| entry.descriptor.digest == digest);
    }
    let whole = name.to_string();
    let says = |entry: &&Entry, key, text| entry.annotation(key) == Some(text);
    let by_name = |entry: &&Entry| says(entry, IMAGE_NAME, &whole) || says(entry, REF_NAME, &whole);
    let by_tag = |entry: &&Entry| {
        entry.annotation(IMAGE_NAME).is_none()
            && name.tag().is_some_and(|tag| says(entry, REF_NAME, tag))
    };
    entries
        .iter()
        .find(by_name)
        .or_else(|| entries.iter().find(by_tag))
}

/// The index entry of an image; `ref_name` chooses what the standard annotation holds.
pub(crate) fn entry(
    image: &Image,
    manifest: &Descriptor,
    name: Option<&Reference>,
    ref_name: &str,
) -> Entry {
    let mut entry = Entry::new(manifest.clone(), Some(image.config().platform()));
    if let Some(name) = name {
        entry.set_annotation(IMAGE_NAME, &name.to_string());
        entry.set_annotation(REF_NAME, ref_name);
    }
    entry
}

fn path_of(digest: Digest) -> PathBuf {
    Path::new(BLOBS).join(digest.hex())
}

impl Source for Layout {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        let failed = |error| Error::files(format!("opening blob {}", blob.digest), error);
        let file: File = self.dir.file(&path_of(blob.digest)).map_err(failed)?;
        Ok(Box::new(Verified::new(file, blob)))
    }
}

impl Store for Layout {
    fn contains(&self, digest: Digest) -> Result<bool> {
        let stat = self
            .dir
            .stat(&path_of(digest))
            .map_err(|error| Error::files(format!("looking for blob {digest}"), error))?;
        Ok(stat.is_some())
    }

    fn begin(&self) -> Result<Box<dyn Sink>> {
        loop {
            let number = self.parts.fetch_add(1, Ordering::Relaxed);
            let path = PathBuf::from(format!("{BLOBS}/{PART}{}-{number}", std::process::id()));
            match Part::begin(&self.dir, path) {
                // Left by a dead process that had our id.
                Err(error) if is_taken(&error) => {}
                part => {
                    let part = part?;
                    if part.hold()? {
                        let dir = self.dir.clone();
                        return Ok(Box::new(Writer { dir, part }));
                    }
                }
            }
        }
    }
}

fn is_taken(error: &Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<files::Error>());
    cause.is_some_and(|cause| cause.kind() == files::ErrorKind::Exists)
}

struct Writer {
    dir: Arc<Dir>,
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
        blob.check_hashed(self.part.hasher())?;
        self.keep(blob)
    }

    fn finish_as(mut self: Box<Self>, media_type: MediaType) -> Result<Descriptor> {
        let blob = Descriptor::of_hashed(media_type, self.part.hasher());
        self.keep(&blob)?;
        Ok(blob)
    }
}

impl Writer {
    fn keep(mut self, blob: &Descriptor) -> Result<()> {
        self.part.seal(blob.digest)?;
        let failed = |error| Error::files(format!("writing blob {}", blob.digest), error);
        self.part.keep(&path_of(blob.digest)).map_err(failed)?;
        files::sync_dir(&self.dir.path().join(BLOBS)).map_err(failed)
    }
}

impl Images for Layout {
    fn find(&self, name: &Reference) -> Result<Option<Image>> {
        match named(&self.index()?, name) {
            Some(entry) => {
                index::find(Arc::new(self.clone()), &entry.descriptor, &Platform::host())
            }
            None => Ok(None),
        }
    }

    /// A tag names one image of a layout: publishing under it replaces what had it, whatever its repository.
    fn publish(&self, image: &Image, names: &[Reference]) -> Result<Digest> {
        let manifest = image.write_to(self)?;
        let names = names
            .iter()
            .map(|name| publishable(name, &manifest))
            .collect::<Result<Vec<_>>>()?;
        let names: Vec<Reference> = names.into_iter().flatten().collect();
        self.update(|index| {
            let tags: Vec<&str> = names.iter().filter_map(Reference::tag).collect();
            index.retain(|entry| match entry.annotation(REF_NAME) {
                Some(name) => !tags.contains(&name),
                None => entry.descriptor.digest != manifest.digest,
            });
            if names.is_empty() {
                index.push(entry(image, &manifest, None, ""));
            }
            for (name, tag) in names.iter().zip(tags) {
                index.push(entry(image, &manifest, Some(name), tag));
            }
        })?;
        Ok(manifest.digest)
    }
}

/// Whether a folder without a marker holds nothing but what comes before the marker. Temporary files go.
fn is_half_made(dir: &Dir) -> files::Result<bool> {
    for entry in dir.entries()? {
        let ours = match entry.name.as_encoded_bytes() {
            b"blobs" => holds_no_blob(dir)?,
            b"index.json" => is_new_index(dir)?,
            name => name.starts_with(b".new-") && entry.kind == files::Kind::File,
        };
        if !ours {
            return Ok(false);
        }
    }
    for entry in dir.entries()? {
        if entry.name.as_encoded_bytes().starts_with(b".new-") {
            dir.remove_file(Path::new(&entry.name))?;
        }
    }
    Ok(true)
}

fn holds_no_blob(dir: &Dir) -> files::Result<bool> {
    let above = dir.dir(Path::new("blobs"))?.entries()?;
    if above.iter().any(|entry| entry.name != "sha256") {
        return Ok(false);
    }
    Ok(above.is_empty() || dir.dir(Path::new(BLOBS))?.entries()?.is_empty())
}

fn is_new_index(dir: &Dir) -> files::Result<bool> {
    let bytes = dir.read(Path::new(INDEX), limits::MANIFEST_BYTES)?;
    Ok(bytes.is_some_and(|bytes| bytes == Index::empty().to_bytes()))
}

#[cfg(test)]
mod tests;
