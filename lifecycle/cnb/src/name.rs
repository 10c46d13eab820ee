//! Names with a grammar: buildpack ids, layer names, process types.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, ErrorKind, Result};

/// The id of a buildpack or extension, such as `slipway/python`.
///
/// Never `.`, `..`, longer than 255 bytes or with a NUL in it, so that [`folder`](BuildpackId::folder) stays where
/// it belongs. Empty only as the default of a key that was left out.
///
/// Spec: buildpack.md, "buildpack.toml": `id`. Like the Go lifecycle we accept more characters than it lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BuildpackId(String);

impl BuildpackId {
    /// Returns the name of the folder that belongs to this id: `/` becomes `_`.
    pub fn folder(&self) -> String {
        self.0.replace('/', "_")
    }

    /// Returns the id as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BuildpackId {
    type Err = Error;

    fn from_str(text: &str) -> Result<BuildpackId> {
        if text == "." || text == ".." || text.len() > 255 || text.contains('\0') {
            return Err(Error::new(
                ErrorKind::Name,
                format!("'{text}' is no buildpack id"),
            ));
        }
        Ok(BuildpackId(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for BuildpackId {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<BuildpackId, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The name of a layer directory: one path component.
///
/// Spec: buildpack.md, "Layer Types".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerName(String);

impl FromStr for LayerName {
    type Err = Error;

    fn from_str(text: &str) -> Result<LayerName> {
        let component =
            !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\0']);
        if !component {
            return Err(Error::new(
                ErrorKind::Name,
                format!("'{text}' is no layer name"),
            ));
        }
        Ok(LayerName(text.to_owned()))
    }
}

/// A process type that can be the name of a link in `/cnb/process`.
///
/// Spec: buildpack.md, "launch.toml": `type`; the forbidden characters are the Go exporter's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessType(String);

impl FromStr for ProcessType {
    type Err = Error;

    fn from_str(text: &str) -> Result<ProcessType> {
        if text.contains(['/', '>', '<', ':', '|', '&', '\\']) {
            let what = format!("process type '{text}' contains illegal characters");
            return Err(Error::new(ErrorKind::Name, what));
        }
        Ok(ProcessType(text.to_owned()))
    }
}

macro_rules! text {
    ($name:ident) => {
        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }
        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}
text!(BuildpackId);
text!(LayerName);
text!(ProcessType);
