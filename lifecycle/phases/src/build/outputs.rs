//! What a buildpack left beside its layers: build.toml and launch.toml.

use std::path::Path;

use cnb::{BomEntry, BuildToml, BuildpackPlan, Launch};
use files::Dir;

use super::layer_dirs::LayerDir;
use super::sbom::{self, Sbom};
use crate::inside::{failed, utf8};
use crate::limits::TOML_BYTES;
use crate::modules::Module;
use crate::{Error, ErrorKind, Result};

#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub(super) bom: Vec<BomEntry>,
    /// Names of the requirements it met.
    pub(super) met: Vec<String>,
    pub(super) sboms: Vec<Sbom>,
    pub(super) launch: Launch,
}

/// Reads them in the order in which the Go lifecycle does, so that of several faults the same is told.
pub(super) fn read(
    folder: &Dir,
    name: &Path,
    module: &Module,
    wanted: &BuildpackPlan,
    layers: &[LayerDir],
) -> Result<Outputs> {
    let file = name.join("build.toml");
    let build = text(folder, "build.toml", &file)?
        .map_or_else(
            || Ok(BuildToml::default()),
            |text| BuildToml::parse(&text, &file, wanted),
        )
        .map_err(|cause| malformed(&file, cause))?;
    let sboms = sbom::find(folder, name, module, layers)?;
    let file = name.join("launch.toml");
    let launch = match text(folder, "launch.toml", &file)? {
        Some(text) => {
            Launch::parse(&text, &file, module.api()?).map_err(|cause| malformed(&file, cause))?
        }
        None => Launch::default(),
    };
    Ok(Outputs {
        met: build.met(wanted),
        bom: build.bom,
        sboms,
        launch,
    })
}

fn text(folder: &Dir, file: &str, name: &Path) -> Result<Option<String>> {
    let bytes = folder
        .read(Path::new(file), TOML_BYTES)
        .map_err(|cause| failed("reading", name, cause))?;
    bytes.map(|bytes| utf8(bytes, name)).transpose()
}

fn malformed(file: &Path, cause: cnb::Error) -> Error {
    use cnb::ErrorKind as Kind;
    let kind = match cause.kind() {
        Kind::UnmetNameRequired => ErrorKind::UnmetWithoutName,
        Kind::UnmetNotRequested => ErrorKind::UnmetNotRequested,
        Kind::BomTopLevelVersion => ErrorKind::BomVersion,
        Kind::DirectNotSupported => ErrorKind::DirectNotSupported,
        Kind::MultipleDefaults => ErrorKind::MultipleDefaults,
        _ => ErrorKind::Format,
    };
    Error::new(kind, format!("reading {}", file.display())).because(cause)
}
