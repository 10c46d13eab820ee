//! Brings back what the last build left for this one.

mod contents;
mod metadata;
mod sbom;

use std::path::Path;

use cnb::Group;
use files::Dir;
use oci::Digest;

use crate::cache::Cache;
use crate::inside::Inside;
use crate::modules::verify_group;
use crate::{Context, Error, ErrorKind, Event, Level, Phase, Result, messages};

pub(crate) use sbom::from_previous as sbom_from_previous;

/// What was brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// `<buildpack>:<layer>` of every layer whose metadata came back.
    pub metadata: Vec<String>,
    /// Likewise of every layer whose contents came back.
    pub contents: Vec<String>,
}

/// Puts the layer with a diff id at a folder of this machine that is not there yet, without unpacking it; false when that cannot be.
pub type Unpacked<'a> = dyn Fn(Digest, &Path) -> bool + 'a;

/// Writes `<layer>.toml` and `store.toml` of the last build, and unpacks cached layers.
///
/// `cache` is an existing folder of this machine that [`save_cache`](crate::cache::save_cache) keeps up to date.
/// A cached layer that is missing or damaged is told as a warning.
///
/// Spec: platform.md, "restorer".
pub fn restore(
    cx: &Context<'_>,
    analyzed: &cnb::Analyzed,
    group: &Group,
    cache: Option<&Path>,
) -> Result<Restored> {
    restore_with(cx, analyzed, group, cache, &|_, _| false)
}

/// As [`restore`], with cached layers from somebody who may have them unpacked already.
pub fn restore_with(
    cx: &Context<'_>,
    analyzed: &cnb::Analyzed,
    group: &Group,
    cache: Option<&Path>,
    unpacked: &Unpacked<'_>,
) -> Result<Restored> {
    phase(cx, || {
        verify_group(group)?;
        let cache = cache.map(Cache::open).transpose()?;
        if cache.is_none() {
            cx.events.tell(Event::Said {
                level: Level::Warning,
                text: messages::NO_CACHE.to_owned(),
            });
        }
        let cached = cache
            .as_ref()
            .map(Cache::metadata)
            .transpose()?
            .unwrap_or_default();
        let layers = layers(cx)?;
        metadata::restore_stores(&layers, &analyzed.metadata, group)?;
        let remembered = metadata::restore_layers(cx, &layers, &analyzed.metadata, &cached, group)?;
        let contents = match &cache {
            Some(cache) => {
                let from = contents::From { cache, unpacked };
                contents::restore(cx, &layers, &from, &cached, &remembered, group)?
            }
            None => Vec::new(),
        };
        if cx.api.has_sbom_layer() {
            sbom::restore(cx, &layers, cache.as_ref(), &cached, group)?;
        }
        Ok(Restored {
            metadata: remembered.into_keys().map(|id| id.to_string()).collect(),
            contents,
        })
    })
}

/// As [`restore`], but of layers nothing: only `store.toml` comes back.
pub fn restore_stores(
    cx: &Context<'_>,
    analyzed: &cnb::Analyzed,
    group: &Group,
) -> Result<Restored> {
    phase(cx, || {
        verify_group(group)?;
        metadata::restore_stores(&layers(cx)?, &analyzed.metadata, group)?;
        Ok(Restored::default())
    })
}

fn phase(cx: &Context<'_>, work: impl FnOnce() -> Result<Restored>) -> Result<Restored> {
    cx.events.tell(Event::Started {
        phase: Phase::Restore,
    });
    let restored = work().map_err(|error| error.in_phase(Phase::Restore))?;
    cx.events.tell(Event::Finished {
        phase: Phase::Restore,
    });
    Ok(restored)
}

/// `<layers>` on this machine.
fn layers(cx: &Context<'_>) -> Result<Dir> {
    let name = &cx.dirs.layers;
    let absent = || {
        Error::new(
            ErrorKind::Io,
            format!("opening {}: it does not exist", name.display()),
        )
    };
    Inside::open(&cx.dirs.root)?
        .folder(name)?
        .ok_or_else(absent)
}
