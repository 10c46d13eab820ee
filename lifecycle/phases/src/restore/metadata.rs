//! `<layer>.toml` and `store.toml` from what the previous image and the cache remember (RE-1 to RE-3).

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use cnb::labels::{CacheMetadata, LayerLabel, LifecycleMetadata};
use cnb::{Group, GroupElement, LayerName, LayerToml, LayerTypes};
use files::Dir;

use crate::write::replace;
use crate::{Context, Error, ErrorKind, Event, Level, Result, messages};

/// Which layer of which buildpack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LayerId {
    pub(super) buildpack: String,
    pub(super) layer: String,
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.buildpack, self.layer)
    }
}

/// Layers whose metadata came back, with the diff id that belongs to it.
pub(super) type Remembered = BTreeMap<LayerId, String>;

/// Writes `store.toml` of every buildpack that had one.
pub(super) fn restore_stores(
    layers: &Dir,
    previous: &LifecycleMetadata,
    group: &Group,
) -> Result<()> {
    for buildpack in &group.buildpacks {
        if let Some(store) = previous
            .of(&buildpack.id)
            .and_then(|old| old.store.as_ref())
        {
            let file = Path::new(&buildpack.id.folder()).join("store.toml");
            replace(layers, &file, store.to_toml().as_bytes())?;
        }
    }
    Ok(())
}

/// Writes `<layer>.toml`, without types, of every layer that the buildpack may decide to keep.
pub(super) fn restore_layers(
    cx: &Context<'_>,
    layers: &Dir,
    previous: &LifecycleMetadata,
    cache: &CacheMetadata,
    group: &Group,
) -> Result<Remembered> {
    let none = BTreeMap::new();
    let mut remembered = Remembered::new();
    for buildpack in &group.buildpacks {
        let app = previous.of(&buildpack.id).map_or(&none, |old| &old.layers);
        let cached = cache.of(&buildpack.id).map_or(&none, |old| &old.layers);
        let from_app = app
            .iter()
            .filter(|(name, layer)| is_kept(layer, cached.get(*name)));
        let from_cache = cached.iter().filter(|(name, layer)| {
            let from_app = app.contains_key(*name) || !cx.api.restores_cached_launch_layers();
            layer.cache && !(layer.launch && from_app)
        });
        let found = from_app
            .map(|found| (found, "app image"))
            .chain(from_cache.map(|found| (found, "cache")));
        for ((name, layer), place) in found {
            let id = LayerId {
                buildpack: buildpack.id.to_string(),
                layer: name.clone(),
            };
            write(layers, buildpack, name, layer)?;
            cx.events.tell(Event::Said {
                level: Level::Info,
                text: messages::restoring_metadata(&id.to_string(), place),
            });
            remembered.insert(id, layer.sha.clone());
        }
    }
    Ok(remembered)
}

/// Whether a layer of the app image can be had again: as it is there, or from the cache.
fn is_kept(layer: &LayerLabel, cached: Option<&LayerLabel>) -> bool {
    match (layer.launch, layer.build, layer.cache) {
        (false, ..) | (true, true, false) => false,
        (true, false, false) => true,
        (true, _, true) => cached.is_some_and(|cached| cached.cache),
    }
}

fn write(layers: &Dir, buildpack: &GroupElement, name: &str, layer: &LayerLabel) -> Result<()> {
    // The name comes out of a label: it must not lead anywhere else.
    let name: LayerName = name.parse().map_err(|cause: cnb::Error| {
        Error::new(
            ErrorKind::Format,
            format!("restoring layers of {buildpack}"),
        )
        .because(cause)
    })?;
    let toml = LayerToml {
        types: LayerTypes::default(),
        metadata: layer.data.clone(),
    };
    let file = Path::new(&buildpack.id.folder()).join(format!("{name}.toml"));
    replace(layers, &file, toml.to_toml().as_bytes())
}
