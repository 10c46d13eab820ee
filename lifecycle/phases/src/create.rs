//! All phases in one process, without a sandbox between them: for the drop-in, and for trusted buildpacks.

use std::path::Path;
use std::sync::Arc;

use cnb::{Order, ProjectMetadata, Report, RunImageNames, SystemToml};
use oci::{Images, Reference, Store};

use crate::export::{ExportRequest, Launcher, Owners};
use crate::{
    AnalyzeRequest, Context, Error, ErrorKind, Event, Level, Phase, Result, Untouched, Workshop,
    analyze, build, detect, export, messages, restore, save_cache,
};

/// What to build, from what, and under which names.
#[derive(Debug, Clone)]
pub struct CreateRequest<'a> {
    pub images: AnalyzeRequest,
    pub order: &'a Order,
    pub system: &'a SystemToml,
    /// Folder of this machine for cached layers.
    pub cache: Option<&'a Path>,
    pub launcher: Launcher<'a>,
    /// As in [`ExportRequest`], like the next five.
    pub run_image: RunImageNames,
    pub process_type: Option<&'a str>,
    pub project: &'a ProjectMetadata,
    pub owners: Owners,
    pub created: i64,
    pub names: &'a [Reference],
}

/// Builds an image and publishes it under its names. `store` keeps its new layers.
///
/// That layers could not be cached is a warning.
///
/// Spec: platform.md, "creator".
pub fn create(
    workshop: &Workshop<'_>,
    images: &dyn Images,
    store: &Arc<dyn Store>,
    request: &CreateRequest<'_>,
) -> Result<Report> {
    let cx = Context {
        dirs: workshop.dirs,
        api: workshop.api,
        events: workshop.events,
    };
    let analyzed = analyze(&cx, images, &request.images)?;
    let target = analyzed
        .file
        .run_image
        .as_ref()
        .and_then(|image| image.target.clone())
        .unwrap_or_default();
    let workshop = Workshop {
        target: &target,
        ..*workshop
    };

    let detected = detect(&workshop, request.order, request.system)?;
    if !detected.group.extensions.is_empty() {
        return Err(
            Error::new(ErrorKind::Extension, messages::NO_EXTENSIONS).in_phase(Phase::Detect)
        );
    }
    restore(&cx, &analyzed.file, &detected.group, request.cache)?;
    build(&workshop, &detected.group, &detected.plan)?;

    let untouched = Untouched::new();
    let export_request = ExportRequest {
        analyzed: &analyzed,
        group: &detected.group,
        launcher: request.launcher.clone(),
        run_image: request.run_image.clone(),
        process_type: request.process_type,
        project: request.project,
        exec_env: workshop.exec_env,
        owners: request.owners,
        created: request.created,
        untouched: &untouched,
        names: request.names,
    };
    let exported = export(&cx, &export_request, store)?;
    let publishing = |cause: oci::Error| {
        Error::new(ErrorKind::Image, "publishing the image")
            .because(cause)
            .in_phase(Phase::Export)
    };
    images
        .publish(&exported.image, request.names)
        .map_err(publishing)?;
    let saved = request.cache.map(|cache| {
        let (group, owners) = (&detected.group, request.owners);
        save_cache(&cx, group, owners, &untouched, cache, store)
    });
    if let Some(Err(error)) = saved {
        cx.events.tell(Event::Said {
            level: Level::Warning,
            text: messages::cache_failed(&error),
        });
    }
    Ok(exported.report)
}
