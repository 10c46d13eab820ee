//! Bills of materials that buildpacks left (BU-8, BU-9).
//!
//! Spec: buildpack.md, "Bill-of-Materials".

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cnb::BomEntry;
use files::Dir;

use super::layer_dirs::LayerDir;
use crate::inside::failed;
use crate::limits::SBOM_BYTES;
use crate::modules::Module;
use crate::write::replace;
use crate::{Error, ErrorKind, Result};

/// Ends of the files' names, and their media types.
const FORMATS: [(&str, &str); 3] = [
    ("sbom.cdx.json", "application/vnd.cyclonedx+json"),
    ("sbom.spdx.json", "application/spdx+json"),
    ("sbom.syft.json", "application/vnd.syft+json"),
];

/// A file, and where below `<layers>/sbom` it belongs.
#[derive(Debug, Clone)]
pub(super) struct Sbom {
    /// Relative to `<layers>`.
    from: PathBuf,
    to: PathBuf,
}

/// Finds a buildpack's files `launch.sbom.*.json`, `build.sbom.*.json` and `<layer>.sbom.*.json`.
pub(super) fn find(
    folder: &Dir,
    name: &Path,
    module: &Module,
    layers: &[LayerDir],
) -> Result<Vec<Sbom>> {
    let mut sboms = Vec::new();
    let mut formats = Vec::new();
    for entry in folder
        .entries()
        .map_err(|cause| failed("listing", name, cause))?
    {
        if !is_sbom(&entry.name) {
            continue;
        }
        // The name before the first dot, as in the Go lifecycle: no layer can have a dot in its name and an SBOM.
        let owner = entry
            .name
            .as_bytes()
            .split(|byte| *byte == b'.')
            .next()
            .unwrap_or_default();
        let owner = OsStr::from_bytes(owner);
        let places = places(owner, layers);
        if places.is_empty() {
            continue;
        }
        let file = name.join(&entry.name);
        let format = format(&entry.name);
        formats.push((file.clone(), format));
        let (Some((end, _)), element) = (format, &module.element) else {
            continue;
        };
        for (part, below) in places {
            let to = Path::new("sbom")
                .join(part)
                .join(&element.folder)
                .join(below)
                .join(end);
            sboms.push(Sbom {
                from: Path::new(&element.folder).join(&entry.name),
                to,
            });
        }
    }
    formats
        .iter()
        .try_for_each(|(file, format)| check(file, *format, &module.sbom_formats))?;
    Ok(sboms)
}

/// Parts of `<layers>/sbom` that a file belongs to, and the folder there.
fn places<'a>(owner: &'a OsStr, layers: &[LayerDir]) -> Vec<(&'static str, &'a OsStr)> {
    if owner == "launch" {
        return vec![("launch", OsStr::new(""))];
    }
    if owner == "build" {
        return vec![("build", OsStr::new(""))];
    }
    let Some(layer) = layers.iter().find(|layer| layer.name == owner) else {
        return Vec::new();
    };
    let mut places = vec![(
        if layer.types.launch {
            "launch"
        } else {
            "build"
        },
        owner,
    )];
    if layer.types.cache {
        places.push(("cache", owner));
    }
    places
}

/// Whether a name is of the form `*.sbom.*.json`.
fn is_sbom(name: &OsStr) -> bool {
    const MIDDLE: &[u8] = b".sbom.";
    let Some(stem) = name.as_bytes().strip_suffix(b".json") else {
        return false;
    };
    stem.windows(MIDDLE.len()).any(|window| window == MIDDLE)
}

fn format(name: &OsStr) -> Option<(&'static str, &'static str)> {
    FORMATS.into_iter().find(|(end, _)| {
        name.as_bytes()
            .strip_suffix(end.as_bytes())
            .is_some_and(|stem| stem.ends_with(b"."))
    })
}

/// The format must be one that the buildpack declares.
fn check(file: &Path, format: Option<(&str, &str)>, declared: &[String]) -> Result<()> {
    let wrong = |kind, what: &str| {
        Err(Error::new(
            kind,
            format!("checking {}: {what}", file.display()),
        ))
    };
    let Some((_, media_type)) = format else {
        return wrong(ErrorKind::SbomUnsupported, "no known SBOM format");
    };
    for declared in declared {
        match essence(declared) {
            None => {
                return wrong(
                    ErrorKind::SbomMediaType,
                    &format!("`sbom-formats` has {declared:?}, which is no media type"),
                );
            }
            Some(declared) if declared == media_type => return Ok(()),
            Some(_) => {}
        }
    }
    wrong(
        ErrorKind::SbomUndeclared,
        &format!("`sbom-formats` of the buildpack does not have {media_type}"),
    )
}

/// A media type without its parameters, in small letters. `None` when it is none (RFC 2045, as Go reads it).
fn essence(text: &str) -> Option<String> {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let essence = essence.trim().to_lowercase();
    let (kind, subtype) = essence.split_once('/').unwrap_or((&essence, "x"));
    (is_token(kind) && is_token(subtype) && are_parameters(parameters)).then_some(essence)
}

fn is_token(text: &str) -> bool {
    let special = |byte: u8| br#"()<>@,;:\"/[]?="#.contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !special(byte))
}

fn are_parameters(text: &str) -> bool {
    let mut names = Vec::new();
    text.split(';')
        .map(str::trim)
        .enumerate()
        .all(|(at, parameter)| {
            let last = at + 1 == text.split(';').count();
            if parameter.is_empty() {
                return last;
            }
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            let name = name.trim().to_lowercase();
            let value = value.trim();
            let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
            let new = !names.contains(&name);
            names.push(name.clone());
            new && is_token(&name) && (is_token(value) || quoted)
        })
}

/// Copies the files to where exporter and restorer look for them.
pub(super) fn copy(layers: &Dir, sboms: &[Sbom]) -> Result<()> {
    for sbom in sboms {
        let bytes = layers
            .read(&sbom.from, SBOM_BYTES)
            .map_err(|cause| failed("reading", &sbom.from, cause))?;
        replace(layers, &sbom.to, &bytes.unwrap_or_default())?;
    }
    Ok(())
}

/// Writes the unstructured bill of materials, `null` when there is none.
pub(super) fn write_legacy(layers: &Dir, part: &str, bom: &[BomEntry]) -> Result<()> {
    let doing = || {
        Error::new(
            ErrorKind::Format,
            format!("writing the bill of materials for {part}"),
        )
    };
    let text = cnb::labels::legacy_bom(bom).map_err(|cause| doing().because(cause))?;
    replace(
        layers,
        &Path::new("sbom").join(part).join("sbom.legacy.json"),
        text.as_bytes(),
    )
}
