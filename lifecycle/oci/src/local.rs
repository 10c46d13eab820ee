//! The store of a user: blobs by digest, layers as chunks that are kept once, one file per name; safe for any number of processes at once.
//!
//! ```text
//! format                 one line, so that an older program leaves a newer store alone
//! lock                   held shared for the moment of a change, exclusively while garbage is collected
//! blobs/sha256/<hex>     whole: configs, manifests, small layers and those of others
//! recipes/<hex>          the chunks of a layer of ours (`docs/formats/chunks.md`)
//! packs/<xx>/<id>.*      the segments of chunks
//! names/<escaped name>   what a name points to
//! collected              what the last collection left, in numbers
//! sessions/<id>/         a running program: what is half written, and the blobs and packs it counts on
//! ```
//!
//! No index is shared, so writers do not wait for each other, and no change rewrites what others wrote (`docs/design/decisions.md` 32).

mod blobs;
mod collect;
mod names;
mod segmented;
mod session;
mod statistics;
mod writer;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use chunks::ChunkId;

pub use collect::Collected;
pub use names::Named;
pub use statistics::Statistics;

use self::blobs::Blobs;
use crate::store::publishable;
use crate::{
    Descriptor, Digest, Image, Images, Platform, Reference, Result, Sink, Source, Store, index,
};

/// An open store. Keep it as long as its blobs are needed: until it and everything read from it is dropped, garbage collection
/// by whatever process removes nothing that it wrote, found or was told to contain.
pub struct Local {
    blobs: Arc<Blobs>,
}

/// What is not as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Blobs that cannot be read whole.
    pub blobs: Vec<Digest>,
    /// Packs with a broken chunk or index; what is sound in them is still used.
    pub packs: usize,
}

impl Damage {
    pub fn is_none(&self) -> bool {
        *self == Damage::default()
    }
}

impl Local {
    /// Opens the store in a folder, making both when they are missing. A store we may not write to can be read.
    ///
    /// Fails with `Unsupported` when a newer program made it.
    pub fn open(dir: &Path) -> Result<Arc<Local>> {
        Ok(Arc::new(Local {
            blobs: Arc::new(Blobs::open(dir)?),
        }))
    }

    /// All names, sorted.
    pub fn list(&self) -> Result<Vec<Named>> {
        names::list(&self.blobs)
    }

    /// Removes a name; false when there was none. Blobs stay until they are collected.
    pub fn remove(&self, name: &Reference) -> Result<bool> {
        names::remove(&self.blobs, name)
    }

    /// Removes blobs that no name and no running program needs, and what dead programs left.
    pub fn collect(&self) -> Result<Collected> {
        collect::collect(&self.blobs)
    }

    /// Whether so much was written since the last collection that another one may be worth its time: it reads every manifest, recipe
    /// and index. What waits is at most 32 blobs and 64 MiB, or an eighth of what the last collection left, and what four dead programs left. Reads
    /// the names of blobs.
    pub fn is_due_for_collection(&self) -> Result<bool> {
        collect::is_due(&self.blobs)
    }

    /// Reads everything, removes blobs whose bytes are not those of their digest, and makes packs whole with what is sound in them.
    /// Returns what it removed and how many packs it mended. Whoever needs such a blob writes it again.
    pub fn check(&self) -> Result<Damage> {
        self.blobs.check()
    }

    /// Reads everything as [`Local::check`] does and changes nothing.
    pub fn verify(&self) -> Result<Damage> {
        self.blobs.verify()
    }

    /// What is here, in numbers.
    pub fn statistics(&self) -> Result<Statistics> {
        statistics::of(&self.blobs)
    }

    /// Gives names to a manifest or index whose blobs are all in the store.
    pub fn tag(&self, manifest: &Descriptor, names: &[Reference]) -> Result<()> {
        for name in names {
            if let Some(name) = publishable(name, manifest)? {
                names::write(&self.blobs, &name, manifest)?;
            }
        }
        Ok(())
    }

    /// What a name points to, as the store has it: a manifest, or an index.
    pub fn resolve(&self, name: &Reference) -> Result<Option<Descriptor>> {
        match name.digest() {
            Some(digest) => self.blobs.describe(digest),
            None => names::find(&self.blobs, name),
        }
    }
}

impl Source for Local {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        Source::open(&self.blobs, blob)
    }
}

impl Store for Local {
    fn contains(&self, digest: Digest) -> Result<bool> {
        self.blobs.contains(digest)
    }

    fn chunk(&self, id: ChunkId) -> Result<Option<Vec<u8>>> {
        segmented::chunk(&self.blobs, id)
    }

    fn begin(&self) -> Result<Box<dyn Sink>> {
        self.blobs.begin()
    }
}

impl Images for Local {
    fn find(&self, name: &Reference) -> Result<Option<Image>> {
        match self.resolve(name)? {
            Some(manifest) => {
                index::find(Arc::new(self.blobs.clone()), &manifest, &Platform::host())
            }
            None => Ok(None),
        }
    }

    fn publish(&self, image: &Image, names: &[Reference]) -> Result<Digest> {
        let manifest = image.write_to(self)?;
        self.tag(&manifest, names)?;
        Ok(manifest.digest)
    }
}

#[cfg(test)]
mod tests;
