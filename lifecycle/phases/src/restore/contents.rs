//! Contents of layers from the cache (RE-4).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cnb::labels::CacheMetadata;
use cnb::{Group, GroupElement};
use files::{Dir, Kind};

use super::Unpacked;
use super::metadata::{LayerId, Remembered};
use crate::build::{is_toml, layer_name};
use crate::cache::{Cache, Cached};
use crate::extract::{Place, extract};
use crate::inside::failed;
use crate::{Context, Event, Level, Result, messages};

/// Where contents come from.
pub(super) struct From<'a> {
    pub(super) cache: &'a Cache,
    /// Asked first.
    pub(super) unpacked: &'a Unpacked<'a>,
}

/// Unpacks the layers that are in the cache as they were when their metadata were written; takes the others away.
///
/// Returns the ids of the layers that came back.
pub(super) fn restore(
    cx: &Context<'_>,
    layers: &Dir,
    from: &From<'_>,
    cached: &CacheMetadata,
    remembered: &Remembered,
    group: &Group,
) -> Result<Vec<String>> {
    let mut restored = Vec::new();
    let info = |text: String| {
        cx.events.tell(Event::Said {
            level: Level::Info,
            text,
        });
    };
    for buildpack in &group.buildpacks {
        let Some(known) = cached.of(&buildpack.id) else {
            continue;
        };
        for name in present(layers, buildpack)? {
            let Some(layer) = name
                .to_str()
                .and_then(|name| known.layers.get(name))
                .filter(|layer| layer.cache)
            else {
                continue;
            };
            let id = LayerId {
                buildpack: buildpack.id.to_string(),
                layer: name.to_string_lossy().into_owned(),
            };
            let beneath = Path::new(&buildpack.id.folder()).join(&name);
            if remembered.get(&id) != Some(&layer.sha) {
                info(messages::removing(&id.to_string()));
                remove(layers, &beneath)?;
                continue;
            }
            info(messages::restoring_data(&id.to_string()));
            let at = cx.dirs.on_disk(&cx.dirs.layers.join(&beneath));
            if layer
                .sha
                .parse()
                .is_ok_and(|diff_id| (from.unpacked)(diff_id, &at))
            {
                restored.push(id.to_string());
                continue;
            }
            match from.cache.verified(&layer.sha)? {
                Cached::Here(mut tar) => {
                    let place = Place {
                        layers: cx.dirs.layers.clone(),
                        beneath,
                    };
                    extract(cx, &mut tar, &place, layers)?;
                    restored.push(id.to_string());
                }
                Cached::Missing(why) => {
                    let text = messages::skipping_restore(&id.to_string(), &why);
                    cx.events.tell(Event::Said {
                        level: Level::Warning,
                        text,
                    });
                }
            }
        }
    }
    Ok(restored)
}

/// Names of the layers that lie in a buildpack's folder, by folder or by file.
fn present(layers: &Dir, buildpack: &GroupElement) -> Result<BTreeSet<OsString>> {
    let beneath = PathBuf::from(buildpack.id.folder());
    let folder = match layers.dir(&beneath) {
        Err(cause) if cause.kind() == files::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        folder => folder.map_err(|cause| failed("opening", &beneath, cause))?,
    };
    let entries = folder
        .entries()
        .map_err(|cause| failed("listing", &beneath, cause))?;
    let layer = |entry: &files::Entry| match entry.kind {
        Kind::Dir => Some(entry.name.clone()),
        _ if is_toml(&entry.name) => Some(layer_name(&entry.name).to_owned()),
        _ => None,
    };
    Ok(entries.iter().filter_map(layer).collect())
}

/// Takes a layer away: folder, `.sha` and `.toml`.
fn remove(layers: &Dir, beneath: &Path) -> Result<()> {
    layers
        .remove_tree(beneath)
        .map_err(|cause| failed("removing", beneath, cause))?;
    for end in [".sha", ".toml"] {
        let mut file = beneath.as_os_str().to_owned();
        file.push(end);
        match layers.remove_file(Path::new(&file)) {
            Err(cause) if cause.kind() != files::ErrorKind::NotFound => {
                return Err(failed("removing", beneath, cause));
            }
            _ => {}
        }
    }
    Ok(())
}
