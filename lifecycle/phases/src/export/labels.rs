//! What the image says of itself (XP-9).

use cnb::Metadata;
use cnb::labels::{
    self, BUILD_METADATA, BuildMetadata, EXEC_ENV, LIFECYCLE_METADATA, LifecycleMetadata,
    PROJECT_METADATA,
};

use super::draft::Draft;
use crate::{Error, ErrorKind, Event, Result};

/// Sets the lifecycle's own labels, then those of buildpacks, which may replace them.
pub(super) fn set(
    draft: &mut Draft<'_>,
    label: &LifecycleMetadata,
    built: &Metadata,
) -> Result<()> {
    let failed = |key: &str, cause: cnb::Error| {
        Error::new(ErrorKind::Format, format!("writing the label {key}")).because(cause)
    };
    let build = BuildMetadata {
        bom: built.bom.clone(),
        buildpacks: built.buildpacks.clone(),
        extensions: built.extensions.clone(),
        launcher: draft.request.launcher.metadata.clone(),
        processes: built.processes.clone(),
        buildpack_default_process_type: built.buildpack_default_process_type.clone(),
    };
    let own = [
        (LIFECYCLE_METADATA, label.to_json()),
        (BUILD_METADATA, build.to_json(draft.cx.api)),
        (
            PROJECT_METADATA,
            labels::project_metadata(draft.request.project),
        ),
    ];
    for (key, text) in own {
        set_one(draft, key, &text.map_err(|cause| failed(key, cause))?);
    }
    for label in &built.labels {
        set_one(draft, &label.key, &label.value);
    }
    let exec_env = draft.request.exec_env;
    if draft.cx.api.has_exec_env() && !exec_env.is_empty() {
        set_one(draft, EXEC_ENV, exec_env);
    }
    Ok(())
}

fn set_one(draft: &mut Draft<'_>, key: &str, value: &str) {
    draft.image.config_mut().set_label(key, value);
    draft.cx.events.tell(Event::Label {
        key: key.to_owned(),
    });
}
