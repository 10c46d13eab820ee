//! Where bytes are read from, where they are kept, and where images have names.
//!
//! Five things implement these: memory, the local store, layouts and archives here, registries and daemons in other crates.

use std::io::{self, Read, Write};

use chunks::{ChunkId, Piece};

use crate::{
    Descriptor, Digest, Error, ErrorKind, Image, MediaType, Reference, Repository, Result,
};

/// Where bytes are read from.
pub trait Source: Send + Sync {
    /// Opens a blob for reading. The reader fails at the end of the stream when digest or size are wrong.
    ///
    /// Fails with `NotFound` when the blob is not here.
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>>;

    /// The repository the bytes lie in, which lets a registry mount instead of upload.
    fn origin(&self) -> Option<&Repository> {
        None
    }
}

/// Where bytes are kept. Writing the same blob twice is harmless; a wrong digest is an error and leaves nothing.
pub trait Store: Source {
    /// Whether the blob is here. What was said to be here stays until the store is dropped, even while others collect garbage.
    fn contains(&self, digest: Digest) -> Result<bool>;

    /// The segment of a chunk that is here, checked, so that whoever has the chunk's raw bytes need not compress them.
    /// What was said to be here stays until the store is dropped.
    fn chunk(&self, _id: ChunkId) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Takes bytes whose digest is known only at the end. A dropped sink keeps nothing.
    fn begin(&self) -> Result<Box<dyn Sink>>;

    /// Keeps the bytes of a blob; reads `bytes` to their end unless the blob is already here.
    fn write(&self, blob: &Descriptor, bytes: &mut dyn Read) -> Result<()> {
        if self.contains(blob.digest)? {
            return Ok(());
        }
        let mut sink = self.begin()?;
        // One byte more than promised is enough to know; the sink checks digest and size.
        io::copy(&mut bytes.take(blob.size.saturating_add(1)), &mut sink)
            .map_err(|error| Error::io(format!("writing blob {}", blob.digest), error))?;
        sink.finish(blob)
    }
}

/// One blob on its way into a store.
pub trait Sink: Write + Send {
    /// Takes the next bytes of the blob, which are the segment of a chunk. A store of chunks keeps each once.
    fn segment(&mut self, _piece: &Piece, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    /// Makes the bytes durable and visible under their digest.
    ///
    /// Fails with `Integrity` when digest or size are not those of `blob`, and keeps nothing then.
    fn finish(self: Box<Self>, blob: &Descriptor) -> Result<()>;

    /// As [`finish`](Sink::finish), under the digest that the bytes turn out to have: for who makes them and would only hash them again.
    fn finish_as(self: Box<Self>, media_type: MediaType) -> Result<Descriptor>;
}

/// Where images have names.
pub trait Images {
    /// Finds an image by tag or digest; absent is `None`, forbidden is an error. Among several platforms it is the host's.
    fn find(&self, name: &Reference) -> Result<Option<Image>>;

    /// Publishes blobs, then config, then manifest, then names: a name never points to something incomplete.
    /// Returns the digest of the manifest. Publishing the same again is harmless.
    fn publish(&self, image: &Image, names: &[Reference]) -> Result<Digest>;
}

/// Reads a small blob whole; refuses one that is larger than `limit` before reading it.
pub(crate) fn read_small(source: &dyn Source, blob: &Descriptor, limit: u64) -> Result<Vec<u8>> {
    if blob.size > limit {
        let text = format!(
            "reading {} of {} bytes, more than {limit}",
            blob.digest, blob.size
        );
        return Err(Error::new(ErrorKind::TooLarge, text));
    }
    let mut bytes = Vec::new();
    let reading = |error| Error::io(format!("reading {}", blob.digest), error);
    source
        .open(blob)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(reading)?;
    Ok(bytes)
}

/// The tag an image is published under; a digest in the name must be the image's own.
pub(crate) fn publishable(name: &Reference, manifest: &Descriptor) -> Result<Option<Reference>> {
    match name.digest() {
        Some(digest) if digest != manifest.digest => {
            let text = format!("publishing {name}: the image is {}", manifest.digest);
            Err(Error::new(ErrorKind::Integrity, text))
        }
        _ => name.tag().map(|tag| name.with_tag(tag)).transpose(),
    }
}
