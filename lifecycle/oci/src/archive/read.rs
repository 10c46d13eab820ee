//! Reading archives: the tar is scanned once for where its files lie, then blobs are read in place.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::docker;
use crate::layout::{self, BLOBS, INDEX, MARKER};
use crate::tarball::{self, Header, Kind, Limits};
use crate::{
    Descriptor, Digest, Error, ErrorKind, Image, Index, MediaType, Platform, Reference, Result,
    Source, Verified, limits,
};
use crate::{index, tree};

const BLOCK: u64 = 512;
/// Files in one archive.
const ENTRIES: usize = 100_000;
/// Links from one file to the next.
const LINKS: usize = 8;
/// Of an archive that is compressed as a whole, uncompressed.
const UNPACKED_BYTES: u64 = 64 << 30;

/// An open archive, of either format, also gzipped as a whole, also through a pipe. Cheap to clone; images read from it keep it open.
#[derive(Clone)]
pub struct Archive {
    inside: Arc<Inside>,
    index: Index,
}

/// Where the blobs are.
pub(super) struct Inside {
    file: Arc<File>,
    pub(super) places: BTreeMap<Digest, Place>,
    /// Configs and manifests that are not in the archive under their digest.
    pub(super) made: BTreeMap<Digest, Vec<u8>>,
}

/// A run of bytes in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    pub(super) size: u64,
}

impl Archive {
    /// Reads the table of contents; layers are read later, and checked then.
    ///
    /// Fails with `Malformed` when the file is no archive of either format.
    pub fn open(path: &Path) -> Result<Archive> {
        let doing = || format!("opening the archive {}", path.display());
        let file = File::open(path).map_err(|error| Error::io(doing(), error))?;
        Archive::read(file).map_err(|error| error.during(doing()))
    }

    fn read(file: File) -> Result<Archive> {
        let file = Arc::new(readable_anywhere(file)?);
        let files = Files::scan(&file)?;
        let mut inside = Inside {
            file,
            places: files.blobs(),
            made: BTreeMap::new(),
        };
        let index = if files.has(MARKER) && files.has(INDEX) {
            Index::parse(
                &files.read(INDEX, limits::MANIFEST_BYTES)?,
                Arc::new(Nothing),
            )?
        } else if files.has(docker::MANIFEST) {
            docker::read(&files, &mut inside)?
        } else {
            return Err(Error::malformed(
                "looking for index.json or manifest.json: neither is in it",
            ));
        };
        Ok(Archive {
            inside: Arc::new(inside),
            index,
        })
    }

    /// Names of images, as they are written in the archive.
    pub fn names(&self) -> Vec<&str> {
        let name = |entry| {
            index::Entry::annotation(entry, layout::IMAGE_NAME)
                .or_else(|| entry.annotation(layout::REF_NAME))
        };
        self.index.entries().iter().filter_map(name).collect()
    }

    /// The only image, or the one with this name as it is written in the archive.
    ///
    /// Fails with `Unsupported` when several images fit.
    pub fn image(&self, ref_name: Option<&str>) -> Result<Option<Image>> {
        layout::only(&self.index, ref_name)?.map_or(Ok(None), |entry| self.read_image(entry))
    }

    /// The image with a name or digest; `None` when there is none.
    pub fn find(&self, name: &Reference) -> Result<Option<Image>> {
        layout::named(&self.index, name).map_or(Ok(None), |entry| self.read_image(entry))
    }

    fn read_image(&self, entry: &index::Entry) -> Result<Option<Image>> {
        index::find(Arc::new(self.clone()), &entry.descriptor, &Platform::host())
    }
}

impl Source for Archive {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        if let Some(bytes) = self.inside.made.get(&blob.digest) {
            return Ok(Box::new(Verified::new(Cursor::new(bytes.clone()), blob)));
        }
        match self.inside.places.get(&blob.digest) {
            Some(place) => Ok(Box::new(Verified::new(
                Section::new(&self.inside.file, *place),
                blob,
            ))),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("opening blob {} of the archive", blob.digest),
            )),
        }
    }
}

/// Index entries are read through the archive, not through the index.
struct Nothing;

impl Source for Nothing {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        Err(Error::new(
            ErrorKind::NotFound,
            format!("opening blob {}", blob.digest),
        ))
    }
}

/// A file that can be read at any place: the file itself, or a copy of what comes through a pipe or is compressed as a whole
/// (`docker save | gzip`).
fn readable_anywhere(mut file: File) -> Result<File> {
    let failed = |error| Error::io("copying the archive", error);
    if !file.metadata().map_err(failed)?.is_file() {
        file = copied(&mut file.take(UNPACKED_BYTES)).map_err(failed)?;
    }
    let mut start = [0; 2];
    let count = file.read(&mut start).map_err(failed)?;
    file.rewind().map_err(failed)?;
    if start.get(..count) != Some(&[0x1f, 0x8b]) {
        return Ok(file);
    }
    let gzip = Box::new(BufReader::new(file));
    let mut bytes = crate::decompress(&MediaType::OciLayerGzip, gzip, UNPACKED_BYTES)?;
    copied(&mut bytes).map_err(failed)
}

fn copied(bytes: &mut dyn Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(bytes, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// The files of the tar by name.
pub(super) struct Files {
    file: Arc<File>,
    by_name: BTreeMap<Vec<u8>, Found>,
}

enum Found {
    Place(Place),
    /// Name of the file it stands for.
    Link(Vec<u8>),
}

impl Files {
    fn scan(file: &Arc<File>) -> Result<Files> {
        let position = Cell::new(0);
        let from = BufReader::with_capacity(128 << 10, &**file);
        let mut by_name = BTreeMap::new();
        tarball::read(
            &mut Blocks {
                from,
                position: &position,
            },
            &Limits::default(),
            &mut |header, _| {
                if by_name.len() >= ENTRIES {
                    return Err(Error::new(
                        ErrorKind::TooLarge,
                        format!("reading the archive: more than {ENTRIES} files"),
                    ));
                }
                if let Some(found) = found(header, position.get()) {
                    by_name.insert(cleaned(&header.name), found);
                }
                Ok(())
            },
        )?;
        Ok(Files {
            file: file.clone(),
            by_name,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name.as_bytes())
    }

    /// Where a file lies; links are followed inside the archive.
    pub(super) fn place(&self, name: &str) -> Result<Place> {
        let mut at = cleaned(name.as_bytes());
        for _ in 0..LINKS {
            match self.by_name.get(&at) {
                Some(Found::Place(place)) => return Ok(*place),
                Some(Found::Link(target)) => at.clone_from(target),
                None => {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        format!("looking for {name:?} in the archive"),
                    ));
                }
            }
        }
        Err(Error::malformed(format!(
            "looking for {name:?} in the archive: too many links"
        )))
    }

    pub(super) fn open(&self, place: Place) -> impl Read + use<> {
        Section::new(&self.file, place)
    }

    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let place = self.place(name)?;
        if place.size > limit {
            let text = format!(
                "reading {name:?} of the archive: {} bytes, more than {limit}",
                place.size
            );
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let mut bytes = Vec::new();
        let read = self.open(place).read_to_end(&mut bytes);
        read.map_err(|error| Error::io(format!("reading {name:?} of the archive"), error))?;
        Ok(bytes)
    }

    /// Files that are named as blobs; whether they are what they are called is checked when they are read.
    fn blobs(&self) -> BTreeMap<Digest, Place> {
        let blob = |name: &Vec<u8>| {
            let name = std::str::from_utf8(name).ok()?;
            let digest = Digest::from_hex(name.strip_prefix(BLOBS)?.strip_prefix('/')?).ok()?;
            Some((digest, self.place(name).ok()?))
        };
        self.by_name.keys().filter_map(blob).collect()
    }
}

/// A name without `.` and empty parts, with `..` resolved inside the archive; one that is too deep names nothing.
fn cleaned(name: &[u8]) -> Vec<u8> {
    tree::names(name).unwrap_or_default().join(&b'/')
}

fn found(header: &Header, offset: u64) -> Option<Found> {
    match header.kind {
        Kind::File => Some(Found::Place(Place {
            offset,
            size: u64::try_from(header.size).ok()?,
        })),
        Kind::Hardlink => Some(Found::Link(cleaned(&header.link))),
        Kind::Symlink => {
            let name = cleaned(&header.name);
            let folder = name
                .iter()
                .rposition(|byte| *byte == b'/')
                .map_or(0, |slash| slash + 1);
            Some(Found::Link(cleaned(
                &[name.get(..folder)?, &header.link[..]].concat(),
            )))
        }
        _ => None,
    }
}

/// Hands out one block at a time and knows how many: whoever reads a header through it, buffered or not, has read nothing of the
/// content behind it.
struct Blocks<'a, R> {
    from: R,
    position: &'a Cell<u64>,
}

impl<R: Read> Read for Blocks<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let block = usize::try_from(BLOCK - self.position.get() % BLOCK).unwrap_or(1);
        let room = block.min(buffer.len());
        let count = self.from.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.position.set(self.position.get() + count as u64);
        Ok(count)
    }
}

/// Reads a run of bytes without moving the file's own position, so that many can be read at once.
struct Section {
    file: Arc<File>,
    place: Place,
}

impl Section {
    fn new(file: &Arc<File>, place: Place) -> Section {
        Section {
            file: file.clone(),
            place,
        }
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.place.size)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        let count = self.file.read_at(buffer, self.place.offset)?;
        self.place.offset += count as u64;
        self.place.size -= count as u64;
        Ok(count)
    }
}
