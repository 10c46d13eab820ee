//! run.toml and, below Platform API 0.12, stack.toml: which run images there are.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Result, toml_file};

/// Run images, the default first.
///
/// Spec: platform.md, "run.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct RunToml {
    pub images: Vec<RunImageNames>,
}

/// The run image of a stack.
///
/// Spec: platform.md of API 0.11, "stack.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct StackToml {
    /// In labels `runImage`.
    #[serde(alias = "runImage")]
    pub run_image: RunImageNames,
}

/// An image and other places where it can be had, as typed.
///
/// Spec: platform.md, "run.toml": `[[images]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct RunImageNames {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
}

impl RunToml {
    /// Reads run.toml.
    pub fn parse(text: &str, file: &Path) -> Result<RunToml> {
        toml_file::read(text, file)
    }

    /// Prints run.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}

impl StackToml {
    /// Reads stack.toml.
    pub fn parse(text: &str, file: &Path) -> Result<StackToml> {
        toml_file::read(text, file)
    }

    /// Prints stack.toml.
    pub fn to_toml(&self) -> String {
        toml_file::write(self)
    }
}
