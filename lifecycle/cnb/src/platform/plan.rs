//! plan.toml: merged requirements of a group; and the part of it that one buildpack gets.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::GroupElement;
use crate::{Require, Result, toml_file};

/// Merged requirements of a group.
///
/// Spec: platform.md, "plan.toml".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Plan {
    pub entries: Vec<PlanEntry>,
}

/// One dependency: who provides it, and what is asked of it.
///
/// Spec: platform.md, "plan.toml": `[[entries]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PlanEntry {
    pub providers: Vec<GroupElement>,
    pub requires: Vec<Require>,
}

/// The requirements that one buildpack is to meet, as `bin/build` reads them.
///
/// Spec: buildpack.md, "Buildpack Plan (TOML)".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BuildpackPlan {
    pub entries: Vec<Require>,
}

impl Plan {
    /// Reads plan.toml.
    pub fn parse(text: &str, file: &Path) -> Result<Plan> {
        toml_file::read(text, file)
    }

    /// Prints plan.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }

    /// Collects all requirements of the entries that list this buildpack (or extension) as a provider.
    pub fn part_of(&self, id: &str, extension: bool) -> BuildpackPlan {
        let provided = |entry: &&PlanEntry| {
            let mut providers = entry.providers.iter();
            providers.any(|provider| provider.id == *id && provider.extension == extension)
        };
        let entries = self.entries.iter().filter(provided);
        BuildpackPlan {
            entries: entries
                .flat_map(|entry| entry.requires.iter().cloned())
                .collect(),
        }
    }

    /// Drops every entry in which any requirement has one of these names.
    pub fn without(&self, met: &[String]) -> Plan {
        let is_met = |entry: &PlanEntry| {
            entry
                .requires
                .iter()
                .any(|require| met.contains(&require.name))
        };
        Plan {
            entries: self
                .entries
                .iter()
                .filter(|entry| !is_met(entry))
                .cloned()
                .collect(),
        }
    }
}

impl BuildpackPlan {
    /// Reads the plan of one buildpack.
    pub fn parse(text: &str, file: &Path) -> Result<BuildpackPlan> {
        toml_file::read(text, file)
    }

    /// Prints the plan of one buildpack.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
