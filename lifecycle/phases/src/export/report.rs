//! report.toml (XP-13).

use std::path::Path;

use cnb::{BomEntry, BuildReport, GroupElement, ImageReport, Report, toml_file};
use oci::Image;
use serde::Deserialize;

use super::ExportRequest;
use crate::inside::{Inside, failed, utf8};
use crate::limits::TOML_BYTES;
use crate::{Context, Error, ErrorKind, Result};

pub(super) fn report(
    cx: &Context<'_>,
    request: &ExportRequest<'_>,
    inside: &Inside,
    image: &Image,
) -> Result<Report> {
    let build = if cx.api.has_bom_in_label() {
        Some(BuildReport {
            bom: bom(cx, request, inside)?,
        })
    } else {
        None
    };
    let manifest = image.descriptor();
    let image = ImageReport {
        tags: request
            .names
            .iter()
            .map(|name| name.as_typed().to_owned())
            .collect(),
        digest: manifest.digest.to_string(),
        manifest_size: manifest.size,
        ..ImageReport::default()
    };
    Ok(Report { build, image })
}

/// The unstructured bills of materials that buildpacks left in build.toml.
fn bom(cx: &Context<'_>, request: &ExportRequest<'_>, inside: &Inside) -> Result<Vec<BomEntry>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct OnlyBom {
        bom: Vec<BomEntry>,
    }
    let mut all = Vec::new();
    for buildpack in &request.group.buildpacks {
        let name = cx
            .dirs
            .layers
            .join(buildpack.id.folder())
            .join("build.toml");
        let Some(folder) = inside.folder_in(&cx.dirs.layers, &buildpack.id.folder())? else {
            continue;
        };
        let bytes = folder
            .read(Path::new("build.toml"), TOML_BYTES)
            .map_err(|cause| failed("reading", &name, cause))?;
        let Some(text) = bytes.map(|bytes| utf8(bytes, &name)).transpose()? else {
            continue;
        };
        let read: OnlyBom = toml_file::read(&text, &name).map_err(|cause| {
            Error::new(ErrorKind::Format, format!("reading {}", name.display())).because(cause)
        })?;
        let whose = GroupElement {
            id: buildpack.id.clone(),
            version: buildpack.version.clone(),
            ..GroupElement::default()
        };
        all.extend(read.bom.into_iter().map(|entry| BomEntry {
            buildpack: whose.clone(),
            ..entry
        }));
    }
    Ok(all)
}
