//! build.toml: what `bin/build` says about the build.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::bom;
use crate::toml_file::{self, Document};
use crate::{BomEntry, BuildpackPlan, ErrorKind, Result};

/// Requirements that the buildpack did not meet.
///
/// Spec: buildpack.md, "build.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildToml {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bom: Vec<BomEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<Unmet>,
}

/// A requirement left to a later buildpack.
///
/// Spec: buildpack.md, "build.toml (TOML)": `[[unmet]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Unmet {
    pub name: String,
}

impl BuildToml {
    /// Reads build.toml; `plan` is what the buildpack was asked for.
    ///
    /// Fails with [`ErrorKind::BomTopLevelVersion`], [`ErrorKind::UnmetNameRequired`] or
    /// [`ErrorKind::UnmetNotRequested`], too.
    pub fn parse(text: &str, file: &Path, plan: &BuildpackPlan) -> Result<BuildToml> {
        let document = Document::parse(text, file)?;
        let build: BuildToml = document.read()?;
        bom::check(&build.bom)
            .map_err(|what| document.refuse(ErrorKind::BomTopLevelVersion, what))?;
        for Unmet { name } in &build.unmet {
            if name.is_empty() {
                return Err(document.refuse(ErrorKind::UnmetNameRequired, "unmet.name is required"));
            }
            if !plan.entries.iter().any(|require| require.name == *name) {
                let what = format!("unmet.name '{name}' must match a requested dependency");
                return Err(document.refuse(ErrorKind::UnmetNotRequested, what));
            }
        }
        Ok(build)
    }

    /// Returns the names in `plan` that this buildpack met: all that are not listed as unmet.
    pub fn met(&self, plan: &BuildpackPlan) -> Vec<String> {
        let names = plan.entries.iter().map(|require| &require.name);
        names
            .filter(|name| !self.unmet.iter().any(|unmet| unmet.name == **name))
            .cloned()
            .collect()
    }

    /// Prints build.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
