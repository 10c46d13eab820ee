//! An open archive: its images by name, its blobs in place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::docker;
use super::files::{Files, Place, Section};
use crate::index;
use crate::layout::{self, INDEX, MARKER};
use crate::{
    Descriptor, Digest, Error, ErrorKind, Image, Index, MediaType, Platform, Reference, Result,
    Source, Verified, limits,
};

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
