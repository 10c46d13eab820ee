//! order.toml: which buildpacks to try, group by group.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{BuildpackId, Result, toml_file};

/// The groups to try in order, and those of extensions to put before each.
///
/// Spec: platform.md, "order.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Order {
    #[serde(rename = "order", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<OrderGroup>,
    /// All elements have `extension` and `optional` set after reading.
    #[serde(rename = "order-extensions", skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<OrderGroup>,
}

/// One group to try; also of a composite buildpack.
///
/// Spec: platform.md, "order.toml"; buildpack.md, "buildpack.toml": `[[order]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct OrderGroup {
    pub group: Vec<OrderElement>,
}

/// One buildpack or extension to try.
///
/// Spec: platform.md, "order.toml": `[[order.group]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct OrderElement {
    pub id: BuildpackId,
    pub version: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Execution environments it is for; empty for all. The Go lifecycle ignores it, the spec has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exec_env: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extension: bool,
}

impl Order {
    /// Reads order.toml.
    pub fn parse(text: &str, file: &Path) -> Result<Order> {
        let mut order: Order = toml_file::read(text, file)?;
        for element in order
            .extensions
            .iter_mut()
            .flat_map(|group| &mut group.group)
        {
            element.extension = true;
            element.optional = true;
        }
        Ok(order)
    }

    /// Prints order.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
