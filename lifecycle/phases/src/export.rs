//! Makes the image: run image, layers of buildpacks, application, launcher.

use std::sync::Arc;

use cnb::labels::LauncherMetadata;
use cnb::{Group, ProjectMetadata, RunImageNames};
use oci::{Image, Reference, Store};

use crate::analyze::Analyzed;
use crate::{Context, Result};

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
    /// Time of everything in the image, seconds since 1970: `SOURCE_DATE_EPOCH` or [`CREATED`].
    pub created: i64,
    /// Names it will get, for the report.
    pub names: &'a [Reference],
}

/// The time in images when nobody sets another: 1980-01-01T00:00:01Z, as the Go lifecycle.
pub const CREATED: i64 = 315_532_801;

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
pub fn export(cx: &Context<'_>, request: &ExportRequest<'_>, into: &Arc<dyn Store>) -> Result<Exported> {
    let _ = (cx, request, into);
    todo!()
}
