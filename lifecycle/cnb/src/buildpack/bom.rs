//! The unstructured bill of materials (deprecated since Buildpack API 0.7, still read).

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::GroupElement;

/// A dependency that a buildpack says it installed.
///
/// Spec: buildpack.md of API 0.6, "launch.toml": `[[bom]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct BomEntry {
    pub name: String,
    /// Not allowed; the version belongs into the metadata.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "Table::is_empty")]
    pub metadata: Table,
    /// Who installed it: id and version; set by the builder.
    pub buildpack: GroupElement,
}

/// Refuses entries with a version outside of their metadata.
pub(super) fn check(bom: &[BomEntry]) -> Result<(), String> {
    let wrong = bom.iter().find(|entry| !entry.version.is_empty());
    wrong.map_or(Ok(()), |entry| {
        let name = &entry.name;
        Err(format!(
            "bom entry '{name}' has a top level version which is not allowed. \
             The buildpack should instead set metadata.version"
        ))
    })
}
