//! Texts that other programs grep for, word for word those of the Go lifecycle. Nowhere else.

use std::path::Path;

use crate::{Error, Event, LayerAction};

pub const NO_GROUP_PASSED: &str = "No buildpack groups passed detection.";
pub const CHECK_PATH: &str = "Please check that you are running against the correct path.";

pub fn default_redefined(process_type: &str) -> String {
    format!(
        "Warning: redefining the following default process type with a process not marked as default: {process_type}"
    )
}

pub fn working_dir_ignored(process_type: &str) -> String {
    format!(
        "Warning: process working directory isn't supported in this buildpack api version. \
         Ignoring working directory for process '{process_type}'"
    )
}

pub const NO_RUN_IMAGE: &str = "failed to find accessible run image";
pub const APP_LAYER: &str = "Application Layer";
pub const LAUNCHER_LAYER: &str = "Buildpacks Application Launcher";
pub const CONFIG_LAYER: &str = "Buildpacks Launcher Config";
pub const PROCESS_TYPES_LAYER: &str = "Buildpacks Process Types";
pub const SBOM_LAYER: &str = "Software Bill-of-Materials";
pub const NO_DEFAULT_PROCESS: &str = "no default process type";

pub fn slice(position: usize) -> String {
    format!("Application Slice: {position}")
}

pub fn default_process(process_type: &str) -> String {
    format!("Setting default process type '{process_type}'")
}

pub fn reusing_from(image: &str) -> String {
    format!("Reusing layers from image '{image}'")
}

pub fn reused_app(reused: usize, total: usize) -> String {
    format!("Reused {reused}/{total} app layer(s)")
}

pub fn added_app(added: usize, total: usize) -> String {
    format!("Added {added}/{total} app layer(s)")
}

pub fn no_sbom(file: &str, folder: &Path) -> String {
    format!("Did not find SBOM {file} in {}", folder.display())
}

/// What the Go lifecycle would say about an event; `None` when it says nothing.
pub fn of(event: &Event) -> Option<String> {
    match event {
        Event::Said { text, .. } => Some(text.clone()),
        Event::Label { key } => Some(format!("Adding label '{key}'")),
        // Slices are told in sum.
        Event::Layer { id, .. } if id.starts_with("slice-") => None,
        Event::Layer {
            id,
            action: LayerAction::Added,
            ..
        } => Some(format!("Adding layer '{id}'")),
        Event::Layer {
            id,
            action: LayerAction::Reused,
            ..
        } => Some(format!("Reusing layer '{id}'")),
        _ => None,
    }
}

pub const NO_CACHE: &str = "No cached data will be used, no cache specified.";
pub const NO_CONTENTS: &str = "because it has no contents";
pub const SBOM_FROM_CACHE: &str = "Restoring data for SBOM from cache";
pub const SBOM_FROM_PREVIOUS: &str = "Restoring data for SBOM from previous image";

pub fn restoring_metadata(id: &str, place: &str) -> String {
    format!("Restoring metadata for {id:?} from {place}")
}

pub fn restoring_data(id: &str) -> String {
    format!("Restoring data for {id:?} from cache")
}

pub fn removing(id: &str) -> String {
    format!("Removing {id:?}, wrong sha")
}

pub fn skipping_restore(id: &str, why: &str) -> String {
    format!("Skipping restore for layer {id}: {why}")
}

pub fn skipping_reuse(id: &str, why: &str) -> String {
    format!("Skipping reuse for layer {id}: {why}")
}

pub fn not_cached(id: &str, why: &str) -> String {
    format!("Failed to cache layer '{id}' {why}")
}

pub fn reusing_cached(id: &str) -> String {
    format!("Reusing cache layer '{id}'")
}

pub fn adding_cached(id: &str) -> String {
    format!("Adding cache layer '{id}'")
}

/// Not Go's: it writes them.
pub fn outside(name: &Path, folder: &Path) -> String {
    format!(
        "Warning: leaving out {} of a cached layer, it does not lie in {}",
        name.display(),
        folder.display()
    )
}

pub const NO_EXTENSIONS: &str =
    "detected order contains extensions which is not supported by the creator";

pub fn cache_failed(error: &Error) -> String {
    format!("Failed to export cache: {error}")
}
