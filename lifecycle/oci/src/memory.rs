//! Store and names in memory, for tests and for small things on their way elsewhere.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::publishable;
use crate::{
    Descriptor, Digest, Error, ErrorKind, Image, Images, MediaType, Platform, Reference, Result,
    Sink, Source, Store, index,
};

/// Keeps blobs and names until it is dropped; counts the bytes that go in and out. Clones share everything.
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    blobs: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
    manifests: Mutex<BTreeMap<Digest, Descriptor>>,
    names: Mutex<BTreeMap<Reference, Descriptor>>,
    written: AtomicU64,
    read: AtomicU64,
}

impl Memory {
    pub fn new() -> Arc<Memory> {
        Arc::new(Memory::default())
    }

    /// Bytes of blobs that were taken; one that was already here does not count.
    pub fn bytes_written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Bytes of blobs that were read.
    pub fn bytes_read(&self) -> u64 {
        self.shared.read.load(Ordering::Relaxed)
    }

    /// Digests of all blobs, sorted.
    pub fn blobs(&self) -> Vec<Digest> {
        locked(&self.shared.blobs).keys().copied().collect()
    }

    /// Resolved names, sorted, with what they point to.
    pub fn names(&self) -> Vec<(Reference, Descriptor)> {
        locked(&self.shared.names)
            .iter()
            .map(|(name, manifest)| (name.clone(), manifest.clone()))
            .collect()
    }

    /// Whatever a name or digest points to.
    fn manifest(&self, name: &Reference) -> Option<Descriptor> {
        match name.digest() {
            Some(digest) => locked(&self.shared.manifests).get(&digest).cloned(),
            None => locked(&self.shared.names).get(name).cloned(),
        }
    }
}

/// A poisoned lock is no reason to fail: every change under these locks is a single insertion.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source for Memory {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        let missing = || Error::new(ErrorKind::NotFound, format!("opening blob {}", blob.digest));
        let bytes = locked(&self.shared.blobs)
            .get(&blob.digest)
            .cloned()
            .ok_or_else(missing)?;
        if bytes.len() as u64 != blob.size {
            let text = format!(
                "opening blob {}: it has {} bytes, not {}",
                blob.digest,
                bytes.len(),
                blob.size
            );
            return Err(Error::new(ErrorKind::Integrity, text));
        }
        Ok(Box::new(Counted {
            bytes,
            position: 0,
            shared: self.shared.clone(),
        }))
    }
}

struct Counted {
    bytes: Arc<[u8]>,
    position: usize,
    shared: Arc<Shared>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .bytes
            .get(self.position..)
            .unwrap_or_default()
            .read(buffer)?;
        self.position += count;
        self.shared.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Store for Memory {
    fn contains(&self, digest: Digest) -> Result<bool> {
        Ok(locked(&self.shared.blobs).contains_key(&digest))
    }

    fn begin(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Pending {
            bytes: Vec::new(),
            shared: self.shared.clone(),
        }))
    }
}

struct Pending {
    bytes: Vec<u8>,
    shared: Arc<Shared>,
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Pending {
    fn finish(self: Box<Self>, blob: &Descriptor) -> Result<()> {
        blob.check(&self.bytes)?;
        self.keep(blob);
        Ok(())
    }

    fn finish_as(self: Box<Self>, media_type: MediaType) -> Result<Descriptor> {
        let blob = Descriptor {
            media_type,
            digest: Digest::of(&self.bytes),
            size: self.bytes.len() as u64,
        };
        self.keep(&blob);
        Ok(blob)
    }
}

impl Pending {
    fn keep(self, blob: &Descriptor) {
        let before = locked(&self.shared.blobs).insert(blob.digest, self.bytes.into());
        if before.is_none() {
            self.shared.written.fetch_add(blob.size, Ordering::Relaxed);
        }
    }
}

impl Images for Memory {
    fn find(&self, name: &Reference) -> Result<Option<Image>> {
        match self.manifest(name) {
            Some(manifest) => index::find(Arc::new(self.clone()), &manifest, &Platform::host()),
            None => Ok(None),
        }
    }

    fn publish(&self, image: &Image, names: &[Reference]) -> Result<Digest> {
        let manifest = image.write_to(self)?;
        locked(&self.shared.manifests).insert(manifest.digest, manifest.clone());
        for name in names {
            if let Some(name) = publishable(name, &manifest)? {
                locked(&self.shared.names).insert(name, manifest.clone());
            }
        }
        Ok(manifest.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn memory_keeps_the_promises_of_stores_and_images() {
        testing::check_store(&|| Memory::new());
        testing::check_images(&*Memory::new(), "r.example/a");
    }

    #[test]
    fn bytes_are_counted_once_when_written_and_each_time_when_read() {
        let memory = Memory::new();
        let blob = Descriptor::of(crate::MediaType::OciLayer, b"hello");
        memory.write(&blob, &mut &b"hello"[..]).unwrap();
        memory.write(&blob, &mut &b"hello"[..]).unwrap();
        for _ in 0..2 {
            memory
                .open(&blob)
                .unwrap()
                .read_to_end(&mut Vec::new())
                .unwrap();
        }
        assert_eq!((memory.bytes_written(), memory.bytes_read()), (5, 10));
    }
}
