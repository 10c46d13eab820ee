//! The layers that a buildpack left.
//!
//! Spec: buildpack.md, "Layers".

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cnb::{LayerToml, LayerTypes};
use files::{Dir, Kind};

use crate::inside::{failed, utf8};
use crate::limits::TOML_BYTES;
use crate::{Error, ErrorKind, Result};

/// A layer as its `<layer>.toml` says, and whether it is for later buildpacks.
#[derive(Debug, Clone)]
pub(super) struct LayerDir {
    pub(super) name: OsString,
    pub(super) types: LayerTypes,
}

/// Reads every `*.toml` that a buildpack left, in the order of the files' names. Layers that are for nothing
/// are renamed, so that neither the image nor the next build gets them.
///
/// launch.toml and its like are read as layers, too, as in the Go lifecycle (BU-4).
pub(super) fn collect(folder: &Dir, name: &Path) -> Result<Vec<LayerDir>> {
    let mut layers = Vec::new();
    for entry in folder
        .entries()
        .map_err(|cause| failed("listing", name, cause))?
    {
        if entry.kind == Kind::Dir || !is_toml(&entry.name) {
            continue;
        }
        let layer = layer_name(&entry.name);
        let file = name.join(&entry.name);
        let text = folder
            .read(Path::new(&entry.name), TOML_BYTES)
            .map_err(|cause| failed("reading", &file, cause))?;
        let text = utf8(text.unwrap_or_default(), &file)?;
        let toml = LayerToml::parse(&text, &file).map_err(|cause| {
            let kind = match cause.kind() {
                cnb::ErrorKind::TypesAtTopLevel => ErrorKind::TypesAtTopLevel,
                _ => ErrorKind::Format,
            };
            Error::new(kind, format!("reading {}", file.display())).because(cause)
        })?;
        // Go renames the whole folder for a file named `.toml`: such a file is no layer.
        if layer.is_empty() {
            continue;
        }
        if toml.types.is_empty() {
            ignore(folder, layer, &name.join(layer))?;
        }
        layers.push(LayerDir {
            name: layer.to_owned(),
            types: toml.types,
        });
    }
    Ok(layers)
}

fn ignore(folder: &Dir, layer: &OsStr, name: &Path) -> Result<()> {
    let mut ignored = layer.to_owned();
    ignored.push(".ignore");
    match folder.rename(Path::new(layer), Path::new(&ignored)) {
        Ok(()) => Ok(()),
        Err(cause) => match cause.kind() {
            // A cached layer that is mounted copy-on-write keeps its name. It is for nothing under any.
            files::ErrorKind::NotFound | files::ErrorKind::OtherFileSystem => Ok(()),
            _ => {
                let doing = format!("renaming {}, which is for nothing", name.display());
                Err(Error::new(ErrorKind::RenameLayer, doing).because(cause))
            }
        },
    }
}

/// Whether a name ends with `.toml`.
pub(crate) fn is_toml(name: &OsStr) -> bool {
    name.as_bytes().ends_with(b".toml")
}

/// A name without its `.toml`.
pub(crate) fn layer_name(file: &OsStr) -> &OsStr {
    OsStr::from_bytes(
        file.as_bytes()
            .strip_suffix(b".toml")
            .unwrap_or(file.as_bytes()),
    )
}
