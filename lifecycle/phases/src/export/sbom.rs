//! Bills of materials: the layer of those that buildpacks left, and those of the lifecycle itself (XP-15).

use std::path::Path;

use cnb::labels::LayerSha;
use files::Dir;

use super::draft::Draft;
use crate::inside::{Inside, failed};
use crate::limits::SBOM_BYTES;
use crate::write::replace;
use crate::{Context, Event, Level, Result, messages};

const LIFECYCLE: &str = "buildpacksio_lifecycle";
const ENDS: [&str; 3] = ["sbom.cdx.json", "sbom.spdx.json", "sbom.syft.json"];

/// Adds the layer with what buildpacks left for the image, if they left anything.
pub(super) fn add_layer(draft: &mut Draft<'_>, inside: &Inside) -> Result<Option<LayerSha>> {
    let name = draft.cx.dirs.layers.join("sbom/launch");
    if inside.folder(&name)?.is_none() {
        return Ok(None);
    }
    let id = "buildpacksio/lifecycle:launch.sbom";
    let layer = draft.pack(id, &name)?;
    let before = draft.metadata().sbom.as_ref().map(|sbom| sbom.sha.as_str());
    let (sha, _) = draft.add(id, layer, before, messages::SBOM_LAYER);
    Ok(Some(LayerSha { sha }))
}

/// Copies the lifecycle's own files `{lifecycle,launcher}.sbom.*.json` from a folder of this machine to `<layers>/sbom`.
///
/// For the drop-in, before [`export`](super::export()). One that is missing is a warning. Nothing below Platform API 0.11.
pub fn copy_lifecycle_sboms(cx: &Context<'_>, from: &Path) -> Result<()> {
    if !cx.api.copies_lifecycle_sboms() {
        return Ok(());
    }
    let layers = cx.dirs.on_disk(&cx.dirs.layers);
    let to = Dir::open(&layers).map_err(|cause| failed("opening", &layers, cause))?;
    let from = Dir::open(from).map_err(|cause| failed("opening", from, cause))?;
    let parts = [
        ("lifecycle", format!("build/{LIFECYCLE}")),
        ("launcher", format!("launch/{LIFECYCLE}/launcher")),
    ];
    for (part, below) in &parts {
        for end in ENDS {
            let file = format!("{part}.{end}");
            let bytes = from
                .read(Path::new(&file), SBOM_BYTES)
                .map_err(|cause| failed("reading", Path::new(&file), cause))?;
            if let Some(bytes) = bytes {
                replace(&to, &Path::new("sbom").join(below).join(end), &bytes)?;
            } else {
                let text = messages::no_sbom(&file, from.path());
                cx.events.tell(Event::Said {
                    level: Level::Warning,
                    text,
                });
            }
        }
    }
    Ok(())
}
