//! Makes the image: run image, layers of buildpacks, application, launcher.

mod app;
mod buildpack_layers;
mod config;
mod draft;
mod labels;
mod launcher;
mod report;
mod sbom;
mod time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnb::labels::{LauncherMetadata, LayerSha, LifecycleMetadata, RunImageLabel};
use cnb::{Group, Metadata, ProjectMetadata, RunImageNames, StackToml};
use files::Dir;
use oci::tarball::{Disk, Tree};
use oci::{Digest, Image, Reference, Store};

use self::draft::Draft;
use crate::analyze::Analyzed;
use crate::inside::Inside;
use crate::limits::TOML_BYTES;
use crate::modules::verify_group;
use crate::{Context, Error, ErrorKind, Event, Phase, Result};

pub(crate) use buildpack_layers::{FoundLayer, find_layers};
pub use sbom::copy_lifecycle_sboms;

/// What the image is made of, besides what lies in the folders.
#[derive(Debug, Clone)]
pub struct ExportRequest<'a> {
    pub analyzed: &'a Analyzed,
    pub group: &'a Group,
    pub launcher: Launcher<'a>,
    /// Names of the run image for later rebases.
    pub run_image: RunImageNames,
    /// The process type to start by default, instead of what buildpacks say.
    pub process_type: Option<&'a str>,
    pub project: &'a ProjectMetadata,
    /// `CNB_EXEC_ENV`, empty when it is not set.
    pub exec_env: &'a str,
    pub owners: Owners,
    /// When the image says that it and its history were made, seconds since 1970: `SOURCE_DATE_EPOCH` or [`CREATED`].
    /// Files in layers have [`CREATED`] always.
    pub created: i64,
    pub untouched: &'a Untouched,
    /// Names it will get, for the report.
    pub names: &'a [Reference],
}

/// Layers of buildpacks that are exactly what their diff ids say, by the folder's name in the build environment.
///
/// Whoever knows that nobody changed them since they were packed says so here; they are not read then.
pub type Untouched = BTreeMap<PathBuf, Digest>;

/// The time in images when nobody sets another: 1980-01-01T00:00:01Z, as the Go lifecycle.
pub const CREATED: i64 = oci::tarball::NORMALIZED_MTIME;

/// The program that starts processes in the image.
#[derive(Debug, Clone)]
pub struct Launcher<'a> {
    pub bytes: &'a [u8],
    pub metadata: LauncherMetadata,
}

/// Who owns what lies in the image.
#[derive(Debug, Clone, Copy)]
pub enum Owners {
    /// Set by us, whoever owns the files on this machine.
    Written { layers: (u32, u32), app: (u32, u32) },
    /// As the Go lifecycle: folders above layers and application as on disk, everything else these.
    FromDisk { uid: u32, gid: u32 },
}

impl Owners {
    pub(crate) fn of_layers(self) -> oci::Owners {
        match self {
            Self::Written {
                layers: (uid, gid), ..
            } => oci::Owners::Written { uid, gid },
            Self::FromDisk { uid, gid } => oci::Owners::FromDisk { uid, gid },
        }
    }

    fn of_app(self) -> oci::Owners {
        match self {
            Self::Written {
                app: (uid, gid), ..
            } => oci::Owners::Written { uid, gid },
            Self::FromDisk { uid, gid } => oci::Owners::FromDisk { uid, gid },
        }
    }
}

/// The image, its layers in the store given to [`export`] but not yet published under any name.
#[derive(Debug, Clone)]
pub struct Exported {
    pub image: Image,
    pub report: cnb::Report,
}

/// Makes the image. Its new layers are in `into` on return.
///
/// Reads `<layers>/config/metadata.toml` and the layers of the group's buildpacks. Nothing may write there meanwhile.
///
/// Spec: platform.md, "exporter".
pub fn export(
    cx: &Context<'_>,
    request: &ExportRequest<'_>,
    into: &Arc<dyn Store>,
) -> Result<Exported> {
    export_from(cx, request, into, &on_disk(cx))
}

/// Opens trees on this machine. Below `<layers>` no link is followed: buildpacks could have put one anywhere there.
pub(crate) fn on_disk(cx: &Context<'_>) -> impl Fn(&Path) -> oci::Result<Box<dyn Tree>> + use<> {
    let layers = cx.dirs.on_disk(&cx.dirs.layers);
    move |path| match path.strip_prefix(&layers) {
        Ok(beneath) if beneath != Path::new("") => {
            let failed = |cause| oci::Error::files(format!("opening {}", layers.display()), cause);
            let trusted = Dir::open(&layers).map_err(failed)?;
            Ok(Box::new(Disk::beneath(Arc::new(trusted), beneath)))
        }
        _ => Ok(Box::new(Disk::open(path)?)),
    }
}

/// Opens the tree whose root is a path of this machine.
pub type OpenTree<'a> = dyn Fn(&Path) -> oci::Result<Box<dyn Tree>> + 'a;

/// As [`export`], with files seen through any tree: tests give them owners that this machine does not allow.
pub fn export_from(
    cx: &Context<'_>,
    request: &ExportRequest<'_>,
    into: &Arc<dyn Store>,
    open: &OpenTree<'_>,
) -> Result<Exported> {
    cx.events.tell(Event::Started {
        phase: Phase::Export,
    });
    let exported =
        compose(cx, request, into, open).map_err(|error| error.in_phase(Phase::Export))?;
    cx.events.tell(Event::Finished {
        phase: Phase::Export,
    });
    Ok(exported)
}

/// The table of contents of the image, from below.
fn compose(
    cx: &Context<'_>,
    request: &ExportRequest<'_>,
    into: &Arc<dyn Store>,
    open: &OpenTree<'_>,
) -> Result<Exported> {
    verify_group(request.group)?;
    let inside = Inside::open(&cx.dirs.root)?;
    let built = metadata(cx, &inside)?;
    let mut draft = Draft::begin(cx, request, into, open);
    let mut label = run_image(cx, request)?;

    label.buildpacks = buildpack_layers::add(&mut draft, &inside)?;
    if cx.api.has_sbom_layer() {
        label.sbom = sbom::add_layer(&mut draft, &inside)?;
    }
    label.app = app::add(&mut draft, &built.slices)?;
    label.launcher = LayerSha {
        sha: launcher::add(&mut draft)?,
    };
    label.config = LayerSha {
        sha: launcher::add_config(&mut draft)?,
    };
    if !built.processes.is_empty() {
        label.process_types = LayerSha {
            sha: launcher::add_process_types(&mut draft, &built.processes)?,
        };
    }

    let entrypoint = config::entrypoint(request.process_type, &built)?;
    labels::set(&mut draft, &label, &built)?;
    config::set(&mut draft, &entrypoint);
    let image = draft.finish();
    let report = report::report(cx, request, &inside, &image)?;
    Ok(Exported { image, report })
}

fn metadata(cx: &Context<'_>, inside: &Inside) -> Result<Metadata> {
    let name = cx.dirs.layers.join("config/metadata.toml");
    let text = inside.text(&name, TOML_BYTES)?.unwrap_or_default();
    Metadata::parse(&text, &name, cx.api).map_err(|cause| {
        Error::new(ErrorKind::Format, format!("reading {}", name.display())).because(cause)
    })
}

/// What the label says of the run image; old rebasers look for it under `stack`.
fn run_image(cx: &Context<'_>, request: &ExportRequest<'_>) -> Result<LifecycleMetadata> {
    let base = &request.analyzed.run_image;
    let empty = || {
        Error::new(
            ErrorKind::Image,
            "looking for the top layer of the run image: it has no layers",
        )
    };
    let named = if cx.api.has_targets() {
        request.run_image.clone()
    } else {
        RunImageNames::default()
    };
    Ok(LifecycleMetadata {
        run_image: RunImageLabel {
            top_layer: base.layers().last().ok_or_else(empty)?.diff_id.to_string(),
            reference: request
                .analyzed
                .file
                .run_image
                .as_ref()
                .map(|image| image.reference.clone())
                .unwrap_or_default(),
            image: named.image,
            mirrors: named.mirrors,
        },
        stack: Some(StackToml {
            run_image: request.run_image.clone(),
        }),
        ..LifecycleMetadata::default()
    })
}
