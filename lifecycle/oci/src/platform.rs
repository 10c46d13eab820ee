//! Which machines an image runs on.

use std::fmt;

use serde_json::Value;

use crate::json::{self, Object};

/// Operating system and architecture, in Go's words (`linux`, `amd64`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    /// As `v8` for arm64.
    pub variant: Option<String>,
}

impl Platform {
    pub fn new(os: &str, architecture: &str) -> Platform {
        Platform {
            os: os.into(),
            architecture: architecture.into(),
            variant: None,
        }
    }

    /// What this program was built for.
    pub fn host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            other => other,
        };
        Platform::new(std::env::consts::OS, architecture)
    }

    /// Whether an image for `self` runs where `wanted` is asked for: variants are compared when both say one.
    pub fn satisfies(&self, wanted: &Platform) -> bool {
        let variant = match (self.normal_variant(), wanted.normal_variant()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        self.os == wanted.os && self.architecture == wanted.architecture && variant
    }

    /// `arm64/v8` and `amd64/v1` are what those architectures are without a variant.
    fn normal_variant(&self) -> Option<&str> {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", Some("v8")) | ("amd64", Some("v1")) => None,
            (_, variant) => variant,
        }
    }

    /// Reads `os`, `architecture`, `variant` of an index entry or config; absent ones are empty.
    pub(crate) fn from_json(object: &Object) -> Platform {
        let text = |key| json::text(object, key).unwrap_or_default().to_owned();
        Platform {
            os: text("os"),
            architecture: text("architecture"),
            variant: json::text(object, "variant").map(str::to_owned),
        }
    }

    pub(crate) fn write_into(&self, object: &mut Object) {
        object.insert("os".into(), self.os.as_str().into());
        object.insert("architecture".into(), self.architecture.as_str().into());
        match &self.variant {
            Some(variant) => object.insert("variant".into(), Value::from(variant.as_str())),
            None => object.remove("variant"),
        };
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant
            .iter()
            .try_for_each(|variant| write!(f, "/{variant}"))
    }
}
