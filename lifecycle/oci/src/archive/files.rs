//! The files of an archive's tar: scanned once for where they lie, then read in place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::layout::BLOBS;
use crate::tarball::{Header, Kind, Limits, Reader};
use crate::{Digest, Error, ErrorKind, Result, tree};

/// Files in one archive.
const ENTRIES: usize = 100_000;
/// Links from one file to the next.
const LINKS: usize = 8;

/// A run of bytes in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    offset: u64,
    pub(super) size: u64,
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
    pub(super) fn scan(file: &Arc<File>) -> Result<Files> {
        let mut from = &**file;
        let mut tar = Reader::new(&mut from, &Limits::default());
        let mut by_name = BTreeMap::new();
        while let Some(header) = tar.next()? {
            if by_name.len() >= ENTRIES {
                let text = format!("reading the archive: more than {ENTRIES} files");
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
            if let Some(found) = found(&header, tar.content_offset()) {
                by_name.insert(cleaned(&header.name), found);
            }
        }
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
    pub(super) fn blobs(&self) -> BTreeMap<Digest, Place> {
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

fn found(header: &Header, offset: Option<u64>) -> Option<Found> {
    match header.kind {
        Kind::File => Some(Found::Place(Place {
            offset: offset?,
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

/// Reads a run of bytes without moving the file's own position, so that many can be read at once.
pub(super) struct Section {
    file: Arc<File>,
    place: Place,
}

impl Section {
    pub(super) fn new(file: &Arc<File>, place: Place) -> Section {
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
