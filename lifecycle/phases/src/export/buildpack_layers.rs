//! The layers of buildpacks that belong into the image: new, or those of the previous image (XP-2, XP-3).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cnb::labels::{BuildpackLayers, LayerLabel};
use cnb::{GroupElement, LayerToml, StoreToml};
use files::{Dir, Kind};

use super::draft::Draft;
use crate::build::{is_toml, layer_name};
use crate::inside::{Inside, failed, utf8};
use crate::limits::TOML_BYTES;
use crate::{Error, ErrorKind, Result};

/// A layer of a buildpack as it lies on disk.
pub(crate) struct FoundLayer {
    pub(crate) name: String,
    /// Its name in the build environment.
    pub(crate) path: PathBuf,
    pub(crate) has_contents: bool,
    /// What its file says; `None` when that can't be read.
    pub(crate) toml: Option<LayerToml>,
}

/// Adds launch layers, buildpack by buildpack and by name. Returns what the label says of them.
pub(super) fn add(draft: &mut Draft<'_>, inside: &Inside) -> Result<Vec<BuildpackLayers>> {
    let group = draft.request.group;
    group
        .buildpacks
        .iter()
        .map(|buildpack| add_one(draft, inside, buildpack).map_err(|error| error.named(buildpack)))
        .collect()
}

fn add_one(
    draft: &mut Draft<'_>,
    inside: &Inside,
    buildpack: &GroupElement,
) -> Result<BuildpackLayers> {
    let (layers, name) = (&draft.cx.dirs.layers, buildpack.id.folder());
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
        store: folder
            .as_ref()
            .map(|folder| store(folder, &path))
            .transpose()?
            .flatten(),
    };
    for layer in &found {
        if let Some(toml) = layer.toml.as_ref().filter(|toml| toml.types.launch) {
            label.layers.insert(
                layer.name.clone(),
                add_layer(draft, buildpack, layer, toml)?,
            );
        }
    }
    let malformed: Vec<String> = found
        .iter()
        .filter(|layer| layer.toml.is_none())
        .map(|layer| format!("{}:{}", buildpack.id, layer.name))
        .collect();
    if malformed.is_empty() {
        return Ok(label);
    }
    Err(Error::new(
        ErrorKind::MalformedLayer,
        format!("failed to parse metadata for layers '{malformed:?}'"),
    ))
}

fn add_layer(
    draft: &mut Draft<'_>,
    buildpack: &GroupElement,
    layer: &FoundLayer,
    toml: &LayerToml,
) -> Result<LayerLabel> {
    let id = format!("{}:{}", buildpack.id, layer.name);
    let created_by = format!("Layer: '{}', Created by buildpack: {buildpack}", layer.name);
    let before = draft
        .metadata()
        .of(&buildpack.id)
        .and_then(|old| old.layers.get(&layer.name));
    let sha = if layer.has_contents {
        let packed = draft.layer(&id, &layer.path)?;
        draft
            .add(
                &id,
                packed,
                before.map(|before| before.sha.as_str()),
                &created_by,
            )
            .0
    } else {
        let wrong = |kind, what: &str| Error::new(kind, format!("{what} '{id}'"));
        if toml.types.cache {
            return Err(wrong(
                ErrorKind::CacheWithoutContents,
                "finding the contents of the cached layer",
            ));
        }
        let before = before.ok_or_else(|| {
            wrong(
                ErrorKind::ReuseWithoutMetadata,
                "reusing a layer: the previous image has no metadata for layer",
            )
        })?;
        draft.reuse(&id, &before.sha, &created_by)?;
        before.sha.clone()
    };
    let types = toml.types;
    Ok(LayerLabel {
        sha,
        build: types.build,
        launch: types.launch,
        cache: types.cache,
        data: toml.metadata.clone(),
    })
}

/// All layers of a buildpack by name: folders, and files that stand for a layer to be reused.
///
/// `path` is the folder's name in the build environment.
pub(crate) fn find_layers(folder: &Dir, path: &Path) -> Result<Vec<FoundLayer>> {
    let mut layers: BTreeMap<OsString, bool> = BTreeMap::new();
    for entry in folder
        .entries()
        .map_err(|cause| failed("listing", path, cause))?
    {
        if entry.kind == Kind::Dir {
            layers.insert(entry.name, true);
        } else if is_toml(&entry.name) {
            let name = layer_name(&entry.name);
            if !["store", "launch", "build", ""]
                .iter()
                .any(|other| name == *other)
            {
                let stat = folder
                    .stat(Path::new(name))
                    .map_err(|cause| failed("looking at", &path.join(name), cause))?;
                layers.entry(name.to_owned()).or_insert(stat.is_some());
            }
        }
    }
    let found = layers.into_iter().map(|(name, has_contents)| {
        let text = name.to_str().map(str::to_owned).ok_or_else(|| {
            Error::new(
                ErrorKind::Format,
                format!(
                    "naming a layer: {} is not UTF-8",
                    path.join(&name).display()
                ),
            )
        })?;
        Ok(FoundLayer {
            toml: read(folder, path, &text),
            path: path.join(&name),
            name: text,
            has_contents,
        })
    });
    found.collect()
}

/// What a layer's file says; one without a file is for nothing.
fn read(folder: &Dir, path: &Path, layer: &str) -> Option<LayerToml> {
    let file = format!("{layer}.toml");
    match folder.read(Path::new(&file), TOML_BYTES).ok()? {
        Some(bytes) => LayerToml::parse(&String::from_utf8(bytes).ok()?, &path.join(file)).ok(),
        None => Some(LayerToml::default()),
    }
}

fn store(folder: &Dir, path: &Path) -> Result<Option<StoreToml>> {
    let file = path.join("store.toml");
    let Some(bytes) = folder
        .read(Path::new("store.toml"), TOML_BYTES)
        .map_err(|cause| failed("reading", &file, cause))?
    else {
        return Ok(None);
    };
    let store = StoreToml::parse(&utf8(bytes, &file)?, &file);
    store.map(Some).map_err(|cause| {
        Error::new(ErrorKind::Format, format!("reading {}", file.display())).because(cause)
    })
}
