//! Keeps the layers that buildpacks want cached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnb::labels::{BuildpackLayers, CacheMetadata, LayerLabel, LayerSha};
use cnb::{Group, GroupElement};
use oci::tarball;
use oci::{Digest, Stamp, Store};

use super::Cache;
use crate::export::{CREATED, FoundLayer, OpenTree, Owners, Untouched, find_layers, on_disk};
use crate::inside::Inside;
use crate::modules::verify_group;
use crate::{Context, Error, ErrorKind, Event, Level, Phase, Result, messages};

/// A layer that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its folder's name in the build environment.
    pub path: PathBuf,
    pub diff_id: Digest,
}

/// Keeps cached layers in a folder of this machine, which exists; what was kept before is replaced at once. Returns them.
///
/// After [`export`](crate::export::export). A layer that can't be kept is a warning. Packed layers pass through
/// `through`, where nothing refers to them afterwards. Of untouched ones that the cache has, nothing is read.
///
/// Spec: platform.md, "exporter", cache.
pub fn save_cache(
    cx: &Context<'_>,
    group: &Group,
    owners: Owners,
    untouched: &Untouched,
    cache: &Path,
    through: &Arc<dyn Store>,
) -> Result<Vec<Kept>> {
    let saver = Saver {
        cx,
        cache: Cache::open(cache)?,
        untouched,
        through,
        open: &on_disk(cx),
        stamp: stamp(owners),
    };
    saver.run(group)
}

/// As [`save_cache`], with files seen through any tree.
pub fn save_cache_from(
    cx: &Context<'_>,
    group: &Group,
    owners: Owners,
    cache: &Path,
    through: &Arc<dyn Store>,
    open: &OpenTree<'_>,
) -> Result<Vec<Kept>> {
    let saver = Saver {
        cx,
        cache: Cache::open(cache)?,
        untouched: &Untouched::new(),
        through,
        open,
        stamp: stamp(owners),
    };
    saver.run(group)
}

fn stamp(owners: Owners) -> Stamp {
    Stamp {
        mtime: CREATED,
        owners: owners.of_layers(),
    }
}

struct Saver<'a> {
    cx: &'a Context<'a>,
    cache: Cache,
    untouched: &'a Untouched,
    through: &'a Arc<dyn Store>,
    open: &'a OpenTree<'a>,
    stamp: Stamp,
}

impl Saver<'_> {
    fn run(self, group: &Group) -> Result<Vec<Kept>> {
        self.save(group)
            .map_err(|error| error.in_phase(Phase::Export))
    }

    fn save(self, group: &Group) -> Result<Vec<Kept>> {
        verify_group(group)?;
        let before = self.cache.metadata()?;
        let inside = Inside::open(&self.cx.dirs.root)?;
        let mut metadata = CacheMetadata::default();
        for buildpack in &group.buildpacks {
            metadata
                .buildpacks
                .push(self.buildpack(&inside, buildpack, &before)?);
        }
        let sboms = self.cx.dirs.layers.join("sbom/cache");
        if self.cx.api.has_sbom_layer() && inside.folder(&sboms)?.is_some() {
            let id = "buildpacksio/lifecycle:cache.sbom";
            metadata.sbom = LayerSha {
                sha: self.layer(id, &sboms, Some(&before.sbom.sha))?,
            };
        }
        let kept = group
            .buildpacks
            .iter()
            .zip(&metadata.buildpacks)
            .flat_map(|(buildpack, label)| self.folders(buildpack, label))
            .collect();
        self.cache.commit(&metadata)?;
        Ok(kept)
    }

    fn folders(&self, buildpack: &GroupElement, label: &BuildpackLayers) -> Vec<Kept> {
        let layers = self.cx.dirs.layers.join(buildpack.id.folder());
        let one = |(name, layer): (&String, &LayerLabel)| {
            Some(Kept {
                path: layers.join(name),
                diff_id: layer.sha.parse().ok()?,
            })
        };
        label.layers.iter().filter_map(one).collect()
    }

    fn buildpack(
        &self,
        inside: &Inside,
        buildpack: &GroupElement,
        before: &CacheMetadata,
    ) -> Result<BuildpackLayers> {
        let (layers, name) = (&self.cx.dirs.layers, buildpack.id.folder());
        let path = layers.join(&name);
        let folder = inside.folder_in(layers, &name)?;
        let found = folder
            .as_ref()
            .map(|folder| find_layers(folder, &path))
            .transpose()?
            .unwrap_or_default();
        let mut label = BuildpackLayers {
            key: buildpack.id.to_string(),
            version: buildpack.version.clone(),
            layers: BTreeMap::new(),
            store: None,
        };
        let before = before.of(&buildpack.id);
        for layer in found {
            let Some(toml) = layer.toml.as_ref().filter(|toml| toml.types.cache) else {
                continue;
            };
            let id = format!("{}:{}", buildpack.id, layer.name);
            let old = before
                .and_then(|before| before.layers.get(&layer.name))
                .map(|old| old.sha.as_str());
            match self.kept(&id, &layer, old) {
                Ok(sha) => {
                    let types = toml.types;
                    let kept = LayerLabel {
                        sha,
                        build: types.build,
                        launch: types.launch,
                        cache: types.cache,
                        data: toml.metadata.clone(),
                    };
                    label.layers.insert(layer.name, kept);
                }
                Err(why) => self.warn(messages::not_cached(&id, &why)),
            }
        }
        Ok(label)
    }

    fn kept(&self, id: &str, layer: &FoundLayer, old: Option<&str>) -> Result<String, String> {
        if !layer.has_contents {
            return Err(messages::NO_CONTENTS.to_owned());
        }
        self.layer(id, &layer.path, old)
            .map_err(|error| error.to_string())
    }

    /// Packs a layer; one that the cache has already is taken over. Returns its diff id.
    fn layer(&self, id: &str, name: &Path, old: Option<&str>) -> Result<String> {
        let untouched = self.untouched.get(name).map(Digest::to_string);
        if let Some(sha) = untouched.filter(|sha| old == Some(sha.as_str()))
            && self.cache.keep_unread(&sha)?
        {
            self.info(messages::reusing_cached(id));
            return Ok(sha);
        }
        let packing = |cause: oci::Error| {
            Error::new(ErrorKind::Image, format!("packing layer '{id}'")).because(cause)
        };
        let tree = (self.open)(&self.cx.dirs.on_disk(name)).map_err(packing)?;
        let layer = tarball::directory_from(&*tree, name, &self.stamp, self.through)
            .map_err(packing)?
            .layer;
        let sha = layer.diff_id.to_string();
        if old == Some(&sha) {
            match self.cache.keep(&sha)? {
                Ok(()) => {
                    self.info(messages::reusing_cached(id));
                    return Ok(sha);
                }
                Err(why) => self.warn(messages::skipping_reuse(id, &why)),
            }
        }
        self.info(messages::adding_cached(id));
        let blob = &layer.blob;
        let tar = blob
            .open()
            .and_then(|bytes| oci::decompress(&blob.descriptor.media_type, bytes, u64::MAX));
        self.cache.add(layer.diff_id, &mut *tar.map_err(packing)?)?;
        Ok(sha)
    }

    fn info(&self, text: String) {
        self.cx.events.tell(Event::Said {
            level: Level::Info,
            text,
        });
    }

    fn warn(&self, text: String) {
        self.cx.events.tell(Event::Said {
            level: Level::Warning,
            text,
        });
    }
}
