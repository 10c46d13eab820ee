//! Bills of materials of layers that are kept, beside the layers again (RE-5, AN-6).

use std::io::Read;
use std::path::{Path, PathBuf};

use cnb::Group;
use cnb::labels::CacheMetadata;
use files::{Dir, Kind};
use oci::{Image, Layer};

use crate::cache::Cache;
use crate::extract::{Place, extract};
use crate::inside::{Inside, failed};
use crate::limits::SBOM_BYTES;
use crate::write::replace;
use crate::{Context, Error, ErrorKind, Event, Level, Result, messages};

/// Copies SBOM files of cached and launch layers into the folders of their buildpacks; `<layers>/sbom` is gone then.
pub(super) fn restore(
    cx: &Context<'_>,
    layers: &Dir,
    cache: Option<&Cache>,
    cached: &CacheMetadata,
    group: &Group,
) -> Result<()> {
    if let Some(cache) = cache.filter(|_| !cached.sbom.sha.is_empty()) {
        cx.events.tell(Event::Said {
            level: Level::Info,
            text: messages::SBOM_FROM_CACHE.to_owned(),
        });
        extract(
            cx,
            &mut cache.open_layer(&cached.sbom.sha)?,
            &place(cx),
            layers,
        )?;
    }
    for part in ["cache", "launch"] {
        for buildpack in &group.buildpacks {
            copy(
                layers,
                &Path::new("sbom").join(part).join(buildpack.id.folder()),
                &buildpack.id.folder(),
            )?;
        }
    }
    layers
        .remove_tree(Path::new("sbom"))
        .map_err(|cause| failed("removing", Path::new("sbom"), cause))
}

fn place(cx: &Context<'_>) -> Place {
    Place {
        layers: cx.dirs.layers.clone(),
        beneath: PathBuf::from("sbom"),
    }
}

/// Copies `<layer>/sbom.*.json` to `<buildpack>/<layer>.sbom.*.json`, if the buildpack has a folder.
fn copy(layers: &Dir, from: &Path, buildpack: &str) -> Result<()> {
    let has_folder = layers
        .stat(Path::new(buildpack))
        .map_err(|cause| failed("looking at", Path::new(buildpack), cause))?;
    if has_folder.is_none() {
        return Ok(());
    }
    for layer in entries(layers, from)?
        .into_iter()
        .filter(|entry| entry.kind == Kind::Dir)
    {
        let folder = from.join(&layer.name);
        for file in entries(layers, &folder)? {
            let Some(name) = file
                .name
                .to_str()
                .filter(|name| name.starts_with("sbom") && name.ends_with("json"))
            else {
                continue;
            };
            if file.kind != Kind::File {
                continue;
            }
            let path = folder.join(&file.name);
            let bytes = layers
                .read(&path, SBOM_BYTES)
                .map_err(|cause| failed("reading", &path, cause))?;
            let to = Path::new(buildpack).join(format!("{}.{name}", layer.name.to_string_lossy()));
            replace(layers, &to, &bytes.unwrap_or_default())?;
        }
    }
    Ok(())
}

fn entries(layers: &Dir, beneath: &Path) -> Result<Vec<files::Entry>> {
    match layers.dir(beneath) {
        Err(cause)
            if matches!(
                cause.kind(),
                files::ErrorKind::NotFound | files::ErrorKind::NotDirectory
            ) =>
        {
            Ok(Vec::new())
        }
        folder => folder
            .and_then(|folder| folder.entries())
            .map_err(|cause| failed("listing", beneath, cause)),
    }
}

/// Unpacks the SBOM layer of the previous image to `<layers>/sbom`, where [`restore`] finds it.
pub(crate) fn from_previous(cx: &Context<'_>, previous: &Image, sha: &str) -> Result<()> {
    let Some(layer) = previous
        .layers()
        .iter()
        .find(|layer| layer.diff_id.to_string() == sha)
    else {
        return Ok(());
    };
    let Some(layers) = Inside::open(&cx.dirs.root)?.folder(&cx.dirs.layers)? else {
        return Ok(());
    };
    cx.events.tell(Event::Said {
        level: Level::Info,
        text: messages::SBOM_FROM_PREVIOUS.to_owned(),
    });
    extract(cx, &mut open(layer)?, &place(cx), &layers)
}

fn open(layer: &Layer) -> Result<Box<dyn Read + Send>> {
    let blob = &layer.blob;
    let tar = blob
        .open()
        .and_then(|bytes| oci::decompress(&blob.descriptor.media_type, bytes, SBOM_BYTES));
    tar.map_err(|cause| {
        Error::new(
            ErrorKind::Image,
            "opening the SBOM layer of the previous image",
        )
        .because(cause)
    })
}
