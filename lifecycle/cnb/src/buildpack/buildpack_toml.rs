//! buildpack.toml: a component buildpack, or a composite one (with an order and no programs).

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    BuildpackApi, BuildpackId, Distro, OrderGroup, Result, Target, api, exec_env, toml_file,
};

/// A buildpack's description.
///
/// Spec: buildpack.md, "buildpack.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildpackToml {
    /// As written; see [`BuildpackToml::buildpack_api`].
    pub api: String,
    pub buildpack: BuildpackInfo,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<OrderGroup>,
    /// After inference; empty when nothing is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<Stack>,
}

/// Who the buildpack is.
///
/// Spec: buildpack.md, "buildpack.toml (TOML)": `[buildpack]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct BuildpackInfo {
    pub id: BuildpackId,
    pub name: String,
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub homepage: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clear_env: bool,
    /// Media types, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sbom_formats: Vec<String>,
    /// Execution environments it is for; empty for all.
    #[serde(
        deserialize_with = "exec_env::names",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exec_env: Vec<String>,
}

/// A stack that the buildpack runs on (deprecated).
///
/// Spec: buildpack.md, "buildpack.toml (TOML)": `[[stacks]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Stack {
    pub id: String,
}

impl BuildpackToml {
    /// Reads buildpack.toml; `bin` are the names in the folder `bin` beside it, from which targets are guessed
    /// when none are declared (DE-15).
    pub fn parse(text: &str, file: &Path, bin: &[String]) -> Result<BuildpackToml> {
        let mut buildpack: BuildpackToml = toml_file::read(text, file)?;
        if buildpack.targets.is_empty() {
            buildpack.targets = buildpack
                .targets_of_stacks()
                .map_err(|error| error.in_file(file))?;
        }
        if buildpack.targets.is_empty() && bin.iter().any(|name| name == "build") {
            buildpack.targets = vec![Target::linux()];
        }
        Ok(buildpack)
    }

    /// Reads the version of the Buildpack API that it declares.
    pub fn buildpack_api(&self) -> Result<BuildpackApi> {
        self.api.parse()
    }

    /// Says whether it has an order instead of programs.
    pub fn is_composite(&self) -> bool {
        !self.order.is_empty()
    }

    fn targets_of_stacks(&self) -> Result<Vec<Target>> {
        let mut targets = Vec::new();
        for stack in &self.stacks {
            match stack.id.as_str() {
                "*" => targets.push(Target::default()),
                "io.buildpacks.stacks.bionic" => {
                    let declares_targets = api::text_has_targets(&self.api)?;
                    if declares_targets || self.stacks.len() == 1 {
                        targets.push(bionic());
                    }
                }
                _ => {}
            }
        }
        Ok(targets)
    }
}

fn bionic() -> Target {
    let distro = Distro {
        name: "ubuntu".into(),
        version: "18.04".into(),
    };
    Target {
        os: "linux".into(),
        arch: "amd64".into(),
        variant: String::new(),
        distros: vec![distro],
    }
}
