//! A blob on its way into the store: whole when it is small or opaque, as chunks when it comes in segments.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use chunks::{HEAD, PackWriter, Piece, Recipe};

use super::blobs::{BLOBS, Blobs, path_of};
use super::segmented::{RECIPES, recipe_of};
use crate::part::Part;
use crate::{Descriptor, Error, ErrorKind, Hasher, MediaType, Result, Sink};

/// Blobs up to this size are kept whole: three files would cost more than their chunks could save.
const WHOLE_BYTES: usize = 64 << 10;

pub(super) struct Writer {
    blobs: Arc<Blobs>,
    form: Form,
}

enum Form {
    /// In memory, with the places of its segments.
    Small {
        bytes: Vec<u8>,
        pieces: Vec<(Piece, Range<usize>)>,
    },
    Opaque(Part),
    Segmented(Segmented),
}

struct Segmented {
    hasher: Hasher,
    pack: PackWriter,
    pieces: Vec<Piece>,
    /// What came after the last segment.
    tail: Vec<u8>,
}

impl Writer {
    /// Fails with `Denied` in a store we can only read.
    pub(super) fn new(blobs: &Arc<Blobs>) -> Result<Writer> {
        blobs.session()?;
        Ok(Writer {
            blobs: blobs.clone(),
            form: Form::Small {
                bytes: Vec::new(),
                pieces: Vec::new(),
            },
        })
    }

    fn part(&self) -> Result<Part> {
        Part::begin(&self.blobs.dir, self.blobs.session()?.part())
    }

    /// Once it is clear that the blob is not small.
    fn grow(&self, bytes: &[u8], pieces: &[(Piece, Range<usize>)]) -> Result<Form> {
        if pieces
            .first()
            .is_none_or(|(_, at)| bytes.get(..at.start) != Some(&HEAD[..]))
        {
            let mut part = self.part()?;
            part.write_all(bytes)
                .map_err(|error| Error::io("writing a blob", error))?;
            return Ok(Form::Opaque(part));
        }
        let session = self.blobs.session()?;
        let pack = self.blobs.packs.begin(&self.blobs.dir, &session.part());
        let mut segmented = Segmented {
            hasher: Hasher::new(),
            pack: pack.map_err(|error| Error::chunks("starting a pack", error))?,
            pieces: Vec::new(),
            tail: Vec::new(),
        };
        segmented.hasher.update(&HEAD);
        let mut end = HEAD.len();
        for (piece, at) in pieces {
            let segment = bytes.get(at.clone()).unwrap_or_default();
            segmented.segment(&self.blobs, piece, segment)?;
            end = at.end;
        }
        segmented.tail(bytes.get(end..).unwrap_or_default());
        Ok(Form::Segmented(segmented))
    }

    fn grow_if_large(&mut self) -> io::Result<()> {
        if let Form::Small { bytes, pieces } = &self.form
            && bytes.len() > WHOLE_BYTES
        {
            self.form = self.grow(bytes, pieces)?;
        }
        Ok(())
    }
}

impl Segmented {
    fn segment(&mut self, blobs: &Blobs, piece: &Piece, bytes: &[u8]) -> Result<()> {
        if !self.tail.is_empty() {
            let text = "writing a segment after the end of its blob";
            return Err(Error::new(ErrorKind::Malformed, text));
        }
        self.hasher.update(bytes);
        self.pieces.push(*piece);
        if blobs.session()?.counts_on(piece.id) {
            return Ok(());
        }
        self.pack
            .push(piece.id, piece.raw_bytes, bytes)
            .map_err(|error| Error::chunks(format!("keeping chunk {}", piece.id), error))
    }

    fn tail(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.tail.extend_from_slice(bytes);
    }

    /// Pack before recipe: a recipe that can be seen has all its chunks.
    fn keep(self, blobs: &Blobs, blob: &Descriptor) -> Result<()> {
        let failed = |error| Error::chunks(format!("writing blob {}", blob.digest), error);
        let recipe = Recipe::from_tail(&self.tail).map_err(failed)?;
        if recipe.pieces != self.pieces {
            let text = format!("writing blob {}: its index lists other chunks", blob.digest);
            return Err(Error::new(ErrorKind::Malformed, text));
        }
        let pack = if self.pack.is_empty() {
            None
        } else {
            Some(self.pack.seal().map_err(failed)?)
        };
        if pack.is_none() && is_there(blobs, blob, RECIPES, &self.tail)? {
            return Ok(());
        }
        let mut part = Part::begin(&blobs.dir, blobs.session()?.part())?;
        part.write_all(&self.tail)
            .and_then(|()| part.sync())
            .map_err(|error| Error::io(format!("writing blob {}", blob.digest), error))?;
        let lock = blobs.share()?;
        blobs.session()?.root(blob.digest)?;
        if let Some(pack) = pack {
            pack.keep().map_err(failed)?;
        }
        let failed = |error| Error::files(format!("writing blob {}", blob.digest), error);
        part.keep(&recipe_of(blob.digest)).map_err(failed)?;
        drop(lock);
        files::sync_dir(&blobs.dir.path().join(RECIPES)).map_err(failed)
    }
}

impl Write for Writer {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        match &mut self.form {
            Form::Small { bytes, .. } => {
                bytes.extend_from_slice(more);
                self.grow_if_large()?;
                Ok(more.len())
            }
            Form::Opaque(part) => part.write(more),
            Form::Segmented(segmented) => {
                segmented.tail(more);
                Ok(more.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Writer {
    fn segment(&mut self, piece: &Piece, segment: &[u8]) -> io::Result<()> {
        match &mut self.form {
            Form::Small { bytes, pieces } => {
                let start = bytes.len();
                bytes.extend_from_slice(segment);
                pieces.push((*piece, start..bytes.len()));
                self.grow_if_large()
            }
            Form::Opaque(part) => part.write_all(segment),
            Form::Segmented(segmented) => Ok(segmented.segment(&self.blobs, piece, segment)?),
        }
    }

    fn finish(mut self: Box<Self>, blob: &Descriptor) -> Result<()> {
        blob.check_hashed(self.hasher())?;
        self.keep(blob)
    }

    fn finish_as(mut self: Box<Self>, media_type: MediaType) -> Result<Descriptor> {
        let blob = Descriptor::of_hashed(media_type, self.hasher());
        self.keep(&blob)?;
        Ok(blob)
    }
}

impl Writer {
    /// What all bytes went through. Ask once, after the last one.
    fn hasher(&mut self) -> Hasher {
        match &mut self.form {
            Form::Segmented(segmented) => std::mem::take(&mut segmented.hasher),
            Form::Opaque(part) => part.hasher(),
            Form::Small { bytes, .. } => {
                let mut hasher = Hasher::new();
                hasher.update(bytes);
                hasher
            }
        }
    }

    /// Makes the bytes durable and visible, whose digest was checked.
    fn keep(self, blob: &Descriptor) -> Result<()> {
        let part = match self.form {
            Form::Segmented(segmented) => return segmented.keep(&self.blobs, blob),
            Form::Opaque(part) => part,
            Form::Small { ref bytes, .. } => {
                if is_there(&self.blobs, blob, BLOBS, bytes)? {
                    return Ok(());
                }
                let mut part = self.part()?;
                part.write_all(bytes)
                    .map_err(|error| Error::io(format!("writing blob {}", blob.digest), error))?;
                part
            }
        };
        keep_whole(&self.blobs, part, blob)
    }
}

/// Whether a file of these very bytes is what the store has for a blob; then it stays, and survives a power loss.
fn is_there(blobs: &Blobs, blob: &Descriptor, folder: &str, bytes: &[u8]) -> Result<bool> {
    let path = Path::new(folder).join(blob.digest.hex());
    let _lock = blobs.share()?;
    // What cannot be read is written anew.
    let there = blobs.dir.read(&path, bytes.len() as u64);
    if !there.is_ok_and(|there| there.as_deref() == Some(bytes)) {
        return Ok(false);
    }
    blobs.session()?.root(blob.digest)?;
    // Whoever wrote it may be about to sync the name.
    files::sync_dir(&blobs.dir.path().join(folder))
        .map_err(|error| Error::files(format!("writing blob {}", blob.digest), error))?;
    Ok(true)
}

fn keep_whole(blobs: &Blobs, mut part: Part, blob: &Descriptor) -> Result<()> {
    part.seal(blob.digest)?;
    let failed = |error| Error::files(format!("writing blob {}", blob.digest), error);
    let lock = blobs.share()?;
    blobs.session()?.root(blob.digest)?;
    part.keep(&path_of(blob.digest)).map_err(failed)?;
    drop(lock);
    files::sync_dir(&blobs.dir.path().join(BLOBS)).map_err(failed)
}
