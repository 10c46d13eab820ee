//! The application, in slices (XP-4, XP-5).

use std::path::Path;

use cnb::Slice;
use cnb::labels::LayerSha;

use super::draft::Draft;
use crate::{Event, Level, Result, messages};

/// Adds n slices and the rest of the application. Returns their diff ids.
pub(super) fn add(draft: &mut Draft<'_>, slices: &[Slice]) -> Result<Vec<LayerSha>> {
    let app = draft.cx.dirs.app.clone();
    let patterns: Vec<Vec<String>> = slices
        .iter()
        .map(|slice| {
            slice
                .paths
                .iter()
                .map(|pattern| relative(pattern, &app))
                .collect()
        })
        .collect();
    let layers = draft.pack_slices(&patterns)?;
    let total = layers.len();
    let (mut shas, mut reused) = (Vec::new(), 0);
    for (position, layer) in (1..).zip(layers) {
        let created_by = if total == 1 {
            messages::APP_LAYER.to_owned()
        } else {
            messages::slice(position)
        };
        let diff_id = layer.diff_id.to_string();
        // Any layer that the application had before will do, whatever its position.
        let before = draft
            .metadata()
            .app
            .iter()
            .map(|layer| layer.sha.as_str())
            .find(|sha| *sha == diff_id);
        let (sha, known) = draft.add(&format!("slice-{position}"), layer, before, &created_by);
        reused += usize::from(known);
        shas.push(LayerSha { sha });
    }
    let said = [
        (reused, messages::reused_app(reused, total)),
        (total - reused, messages::added_app(total - reused, total)),
    ];
    for (_, text) in said.into_iter().filter(|(count, _)| *count > 0) {
        draft.cx.events.tell(Event::Said {
            level: Level::Info,
            text,
        });
    }
    Ok(shas)
}

/// Patterns are relative to the application; absolute ones within it are allowed by the spec, too.
fn relative(pattern: &str, app: &Path) -> String {
    let within = app
        .to_str()
        .and_then(|app| pattern.strip_prefix(app))
        .and_then(|rest| rest.strip_prefix('/'));
    within.unwrap_or(pattern).to_owned()
}
