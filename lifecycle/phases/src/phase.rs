//! The phases' names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A phase of the lifecycle.
///
/// Spec: platform.md, "Lifecycle Interface".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Analyze,
    Detect,
    Restore,
    Build,
    Export,
}

impl Phase {
    pub fn name(self) -> &'static str {
        match self {
            Self::Analyze => "analyze",
            Self::Detect => "detect",
            Self::Restore => "restore",
            Self::Build => "build",
            Self::Export => "export",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
