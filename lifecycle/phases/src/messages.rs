//! Texts that other programs grep for, word for word those of the Go lifecycle. Nowhere else.

use std::path::Path;

use crate::{Event, LayerAction};

pub const NO_GROUP_PASSED: &str = "No buildpack groups passed detection.";
pub const CHECK_PATH: &str = "Please check that you are running against the correct path.";

pub fn default_redefined(process_type: &str) -> String {
    format!("Warning: redefining the following default process type with a process not marked as default: {process_type}")
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
        Event::Layer { id, action: LayerAction::Added, .. } => Some(format!("Adding layer '{id}'")),
        Event::Layer { id, action: LayerAction::Reused, .. } => Some(format!("Reusing layer '{id}'")),
        _ => None,
    }
}
