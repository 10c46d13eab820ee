//! What a module runs on, what an image is, and whether the two fit.
//!
//! Spec: buildpack.md, "Targets"; platform.md, "analyzed.toml".

use serde::{Deserialize, Serialize};

/// A distribution; an empty field matches any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Distro {
    pub name: String,
    pub version: String,
}

/// A platform that a buildpack or extension says it runs on; an empty field matches any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Target {
    pub os: String,
    pub arch: String,
    #[serde(
        rename = "arch-variant",
        alias = "variant",
        skip_serializing_if = "String::is_empty"
    )]
    pub variant: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub distros: Vec<Distro>,
}

/// What a run image is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ImageTarget {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub os: String,
    pub arch: String,
    #[serde(
        rename = "arch-variant",
        alias = "variant",
        skip_serializing_if = "String::is_empty"
    )]
    pub variant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distro: Option<Distro>,
}
