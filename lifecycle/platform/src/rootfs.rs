//! Unpacked layers, one folder per diff id, shared by every build and run, gone with their images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use files::{Dir, Lock};
use oci::tarball::{Limits, Unpack, Whiteouts};
use oci::{Digest, Image, Layer};
use sandbox::HostId;

use crate::error::{Doing, Result};
use crate::gone;

/// Unpacking the largest layer takes less.
const PATIENCE: Duration = Duration::from_mins(10);

/// The layers of one image on disk; nobody removes them as long as the value lives.
#[derive(Debug)]
pub(crate) struct Rootfs {
    /// Topmost first.
    pub(crate) layers: Vec<PathBuf>,
    _held: Vec<Lock>,
}

/// Unpacks what is not unpacked yet. Everything belongs to `id`.
pub(crate) fn unpack(image: &Image, layers: &Path, id: HostId) -> Result<Rootfs> {
    let place = Place { layers, id };
    let held: Vec<(PathBuf, Lock)> = image
        .layers()
        .iter()
        .rev()
        .map(|layer| place.hold(layer))
        .collect::<Result<_>>()?;
    let (layers, held) = held.into_iter().unzip();
    Ok(Rootfs {
        layers,
        _held: held,
    })
}

struct Place<'a> {
    layers: &'a Path,
    id: HostId,
}

impl Place<'_> {
    /// The folder of a layer, whole, with a lock that keeps [`collect`] away.
    fn hold(&self, layer: &Layer) -> Result<(PathBuf, Lock)> {
        let path = self.layers.join(layer.diff_id.hex());
        let lock = lock_of(self.layers, &layer.diff_id.hex());
        let doing = || format!("unpacking layer {}", layer.diff_id);
        loop {
            let held = Lock::shared(&lock, PATIENCE).doing(doing())?;
            if path.is_dir() {
                held.note_use();
                return Ok((path, held));
            }
            drop(held);
            let alone = Lock::exclusive(&lock, PATIENCE).doing(doing())?;
            if !path.is_dir() {
                self.unpack(layer, &path)?;
            }
            // Between the two locks a collection may remove it again; then it is unpacked once more.
            drop(alone);
        }
    }

    fn unpack(&self, layer: &Layer, path: &Path) -> Result<()> {
        let doing = || format!("unpacking layer {}", layer.diff_id);
        let hex = layer.diff_id.hex();
        let new = format!("{}{hex}", gone::PREFIX);
        let top = Dir::open(self.layers).doing(doing())?;
        top.remove_tree(Path::new(&new)).doing(doing())?;
        let into = top.create_dir(Path::new(&new), 0o755).doing(doing())?;
        let bytes = layer.blob.open().doing(doing())?;
        let limits = Limits::default();
        let mut tar = oci::decompress(&layer.blob.descriptor.media_type, bytes, limits.bytes)
            .doing(doing())?;
        let owner = Some((self.id.uid, self.id.gid));
        oci::tarball::unpack(
            &mut tar,
            &into,
            &Unpack {
                whiteouts: Whiteouts::Overlay,
                owner,
                limits,
            },
        )
        .doing(doing())?;
        self.id.give(&self.layers.join(&new)).doing(doing())?;
        sync(&self.layers.join(&new)).doing(doing())?;
        top.rename(Path::new(&new), Path::new(&hex))
            .doing(doing())?;
        debug_assert!(path.is_dir(), "the layer has its name");
        Ok(())
    }
}

/// Writes out the file system, so that a folder that has its name after a power loss is whole.
fn sync(path: &Path) -> std::io::Result<()> {
    rustix::fs::syncfs(std::fs::File::open(path)?).map_err(Into::into)
}

/// Removes unpacked layers that are in no image, and what dead programs left half unpacked.
pub(crate) fn collect(layers: &Path, wanted: &BTreeSet<Digest>) -> Result<()> {
    let doing = || format!("cleaning {}", layers.display());
    let top = Dir::open(layers).doing(doing())?;
    let wanted: BTreeSet<String> = wanted.iter().map(Digest::hex).collect();
    for entry in top.entries().doing(doing())? {
        let Some(name) = entry
            .name
            .to_str()
            .filter(|_| entry.kind == files::Kind::Dir)
        else {
            continue;
        };
        if wanted.contains(name) {
            continue;
        }
        let hex = gone::whole(name);
        if let Some(_alone) = Lock::try_exclusive(&lock_of(layers, hex)).doing(doing())? {
            gone::remove(&top, name).doing(doing())?;
        }
    }
    Ok(())
}

fn lock_of(layers: &Path, hex: &str) -> PathBuf {
    layers.join(format!("{hex}.lock"))
}
