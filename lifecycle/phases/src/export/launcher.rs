//! The launcher, what it reads, and a link for every process (XP-6).

use std::path::Path;
use std::sync::Arc;

use cnb::{Process, ProcessType};
use oci::tarball::{Content, links, single};

use super::CREATED;
use super::draft::Draft;
use crate::{Error, ErrorKind, Result, messages};

pub(super) const LAUNCHER: &str = "/cnb/lifecycle/launcher";
pub(super) const PROCESSES: &str = "/cnb/process";

pub(super) fn add(draft: &mut Draft<'_>) -> Result<String> {
    let id = "buildpacksio/lifecycle:launcher";
    let bytes: Arc<[u8]> = draft.request.launcher.bytes.into();
    let layer = draft.pack_entries(
        id,
        single(Path::new(LAUNCHER), Content::Bytes(bytes), CREATED),
    )?;
    let before = &draft.metadata().launcher.sha;
    Ok(draft
        .add(id, layer, Some(before), messages::LAUNCHER_LAYER)
        .0)
}

pub(super) fn add_config(draft: &mut Draft<'_>) -> Result<String> {
    let id = "buildpacksio/lifecycle:config";
    let layer = draft.pack(id, &draft.cx.dirs.layers.join("config"))?;
    let before = &draft.metadata().config.sha;
    Ok(draft.add(id, layer, Some(before), messages::CONFIG_LAYER).0)
}

pub(super) fn add_process_types(draft: &mut Draft<'_>, processes: &[Process]) -> Result<String> {
    let id = "buildpacksio/lifecycle:process-types";
    let malformed =
        |process: &Process| format!("linking the process type '{}'", process.process_type);
    for process in processes {
        if process.process_type.is_empty() {
            return Err(Error::new(
                ErrorKind::ProcessType,
                "linking processes: type is required for all processes",
            ));
        }
        process
            .process_type
            .parse::<ProcessType>()
            .map_err(|cause| {
                Error::new(ErrorKind::ProcessType, malformed(process)).because(cause)
            })?;
    }
    let names: Vec<(&[u8], &[u8])> = processes
        .iter()
        .map(|process| (process.process_type.as_bytes(), LAUNCHER.as_bytes()))
        .collect();
    let entries = links(Path::new(PROCESSES), &names, CREATED)
        .map_err(|cause| Error::new(ErrorKind::ProcessType, "linking processes").because(cause))?;
    let layer = draft.pack_entries(id, entries)?;
    let before = &draft.metadata().process_types.sha;
    Ok(draft
        .add(id, layer, Some(before), messages::PROCESS_TYPES_LAYER)
        .0)
}
