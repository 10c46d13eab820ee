//! What is kept on this machine: how much, whether it is sound, and what may go.

use oci::{Digest, Image, Images, Local};
use serde::Serialize;

use crate::build::tidy_up;
use crate::error::{Doing, Result};
use crate::host::Host;
use crate::name::familiar;
use crate::trim::{self, Keep, size_of};

/// Everything that is kept, in numbers; sizes in bytes on disk unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub images: usize,
    pub store: Store,
    /// Package archives and indexes.
    pub downloads: u64,
    /// Unpacked layers of base images.
    pub unpacked: u64,
    /// Layers that buildpacks want back.
    pub reuse: u64,
    /// What wheels become in a layer.
    pub wheels: u64,
    /// What `downloads`, `unpacked`, `reuse` and `wheels` may be together; looked after about once an hour.
    pub bound: u64,
}

/// The images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Store {
    pub bytes: u64,
    /// Layers kept as chunks.
    pub layers: usize,
    pub chunks: usize,
    /// What those layers would take as one file each.
    pub layer_bytes: u64,
    /// What their chunks take.
    pub chunk_bytes: u64,
}

pub fn stat(host: &Host<'_>) -> Result<Kept> {
    let store = host.images()?;
    let numbers = store.statistics().doing("measuring the image store")?;
    let state = host.state;
    Ok(Kept {
        images: numbers.names,
        store: Store {
            bytes: size_of(&state.store())?,
            layers: numbers.layers,
            chunks: numbers.chunks,
            layer_bytes: numbers.layer_bytes,
            chunk_bytes: numbers.pack_bytes,
        },
        downloads: size_of(&state.downloads())?,
        unpacked: size_of(&state.layers())?,
        reuse: size_of(&state.reuse())?,
        wheels: size_of(&state.wheels())?,
        bound: host.cache_bytes,
    })
}

/// What is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    pub broken: Vec<Broken>,
    /// Packs of chunks with a broken part; what is sound in them is still used.
    pub packs: usize,
}

impl Damage {
    pub fn is_none(&self) -> bool {
        self.broken.is_empty() && self.packs == 0
    }
}

/// A blob whose bytes are not what they should be, and the images that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    pub digest: String,
    /// As one would type them, sorted.
    pub images: Vec<String>,
}

/// Reads all that is in the store and changes nothing.
pub fn verify(host: &Host<'_>) -> Result<Damage> {
    let store = host.images()?;
    let damage = store.verify().doing("reading the image store")?;
    told(&store, damage)
}

/// Removes what is broken, so that the next build of its images writes it again.
pub fn repair(host: &Host<'_>) -> Result<Damage> {
    let store = host.images()?;
    // A broken layer is named by a manifest that is still there, a broken manifest by the name that leads to it.
    let damage = store.check().doing("repairing the image store")?;
    told(&store, damage)
}

fn told(store: &Local, damage: oci::Damage) -> Result<Damage> {
    Ok(Damage {
        broken: named(store, &damage.blobs)?,
        packs: damage.packs,
    })
}

fn named(store: &Local, broken: &[Digest]) -> Result<Vec<Broken>> {
    let mut images = Vec::new();
    if !broken.is_empty() {
        for named in store.list().doing("listing images")? {
            // An image whose manifest or config is broken cannot be read, and is named by its manifest alone.
            let image = store.find(&named.name).ok().flatten();
            images.push((named, image));
        }
    }
    let has = |image: &Image, digest: Digest| {
        let config = Digest::of(&image.config_bytes());
        let mut layers = image.layers().iter();
        config == digest || layers.any(|layer| layer.blob.descriptor.digest == digest)
    };
    let broken = broken.iter().map(|digest| {
        let of = images.iter().filter(|(named, image)| {
            named.manifest.digest == *digest
                || image.as_ref().is_some_and(|image| has(image, *digest))
        });
        Broken {
            digest: digest.to_string(),
            images: of.map(|(named, _)| familiar(&named.name)).collect(),
        }
    });
    Ok(broken.collect())
}

/// Removes what no image needs, and of what can be had again (downloads, unpacked layers, cached layers, the wheel store) what need not be kept.
/// Images stay, and what running programs count on. Returns the bytes that were freed.
pub fn prune(host: &Host<'_>, keep: Keep) -> Result<u64> {
    let before = everything(host)?;
    let store = host.images()?;
    host.sweep()?;
    tidy_up(host, &store)?;
    trim::trim(host.state, keep)?;
    Ok(before.saturating_sub(everything(host)?))
}

fn everything(host: &Host<'_>) -> Result<u64> {
    let state = host.state;
    let folders = [
        state.store(),
        state.downloads(),
        state.layers(),
        state.reuse(),
        state.wheels(),
        state.builds(),
        state.runs(),
    ];
    folders.iter().map(|folder| size_of(folder)).sum()
}
