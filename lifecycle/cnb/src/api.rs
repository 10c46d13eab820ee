//! The API versions, and what each changed, by name. Nothing outside of this file compares versions.
//!
//! Spec: platform.md and buildpack.md, "API Versioning".

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

const OLDEST_PLATFORM: u8 = 7;
const OLDEST_BUILDPACK: u8 = 7;

/// A supported version of the Platform API, 0.7 to 0.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformApi(u8);

/// A supported version of the Buildpack API, 0.7 to 0.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildpackApi(u8);

impl PlatformApi {
    /// The newest version.
    pub const LATEST: PlatformApi = PlatformApi(15);

    /// Returns all supported versions, oldest first.
    pub fn all() -> impl Iterator<Item = PlatformApi> {
        (OLDEST_PLATFORM..=Self::LATEST.0).map(PlatformApi)
    }

    /// Standard SBOM files exist: a layer in the app image, restored from it and from the cache (0.8).
    pub fn has_sbom_layer(self) -> bool {
        self.0 >= 8
    }

    /// `SOURCE_DATE_EPOCH` sets the times in the image (0.9).
    pub fn has_source_date_epoch(self) -> bool {
        self.0 >= 9
    }

    /// The unstructured bill of materials stays in label and report instead of `sbom.legacy.json` (below 0.9).
    pub fn has_bom_in_label(self) -> bool {
        self.0 < 9
    }

    /// The analyzer knows `-launch-cache` and `-skip-layers` (0.9).
    pub fn analyzer_restores_sbom_only(self) -> bool {
        self.0 >= 9
    }

    /// A process's command is a list, and arguments given by the user may replace its `args` (0.10).
    pub fn has_command_list(self) -> bool {
        self.0 >= 10
    }

    /// Image extensions exist (0.10).
    pub fn has_extensions(self) -> bool {
        self.0 >= 10
    }

    /// Image extensions are no longer an experiment, and are read where they were written (0.13).
    pub fn has_stable_extensions(self) -> bool {
        self.0 >= 13
    }

    /// SBOM files of the lifecycle and the launcher are copied into the image (0.11).
    pub fn copies_lifecycle_sboms(self) -> bool {
        self.0 >= 11
    }

    /// The flag `-build-config` exists (0.11).
    pub fn has_build_config(self) -> bool {
        self.0 >= 11
    }

    /// Targets replace stacks: run.toml instead of stack.toml, target checks, names of the run image in the label (0.12).
    pub fn has_targets(self) -> bool {
        self.0 >= 12
    }

    /// Every layer has a history text in the image config (0.12).
    pub fn has_layer_history(self) -> bool {
        self.0 >= 12
    }

    /// Extensions may extend or switch the run image (0.12).
    pub fn extends_run_image(self) -> bool {
        self.0 >= 12
    }

    /// Images may live in an OCI layout directory (0.12, experimental).
    pub fn has_layout(self) -> bool {
        self.0 >= 12
    }

    /// The flag `-insecure-registry` exists (0.13).
    pub fn has_insecure_registry_flag(self) -> bool {
        self.0 >= 13
    }

    /// The manifest of the cache image that was replaced stays in the registry (0.13).
    pub fn keeps_old_cache_image(self) -> bool {
        self.0 >= 13
    }

    /// The restorer checks that the chosen run image is still readable (0.14).
    pub fn checks_run_image_on_restore(self) -> bool {
        self.0 >= 14
    }

    /// Layers for launch and cache that the app image lacks come back from the cache (0.14).
    pub fn restores_cached_launch_layers(self) -> bool {
        self.0 >= 14
    }

    /// Execution environments exist: `CNB_EXEC_ENV` chooses buildpacks and processes (0.15).
    pub fn has_exec_env(self) -> bool {
        self.0 >= 15
    }

    /// system.toml names buildpacks that go before and after every group (0.15).
    pub fn has_system_buildpacks(self) -> bool {
        self.0 >= 15
    }
}

impl BuildpackApi {
    /// The newest version.
    pub const LATEST: BuildpackApi = BuildpackApi(12);

    /// Returns all supported versions, oldest first.
    pub fn all() -> impl Iterator<Item = BuildpackApi> {
        (OLDEST_BUILDPACK..=Self::LATEST.0).map(BuildpackApi)
    }

    /// Reads any version; an unsupported one gives the nearest that is supported. Fails with [`ErrorKind::ApiSyntax`].
    ///
    /// For modules whose version the Go lifecycle never checks: those inside of composite buildpacks.
    pub fn nearest(text: &str) -> Result<BuildpackApi> {
        let (major, minor) = version(text)?;
        let minor = if major == 0 { minor } else { u8::MAX };
        Ok(BuildpackApi(
            minor.clamp(OLDEST_BUILDPACK, BuildpackApi::LATEST.0),
        ))
    }

    /// Programs get their folders as variables, not as arguments only (0.8).
    pub fn has_inputs_in_env(self) -> bool {
        self.0 >= 8
    }

    /// A process may have a working directory (0.8).
    pub fn has_working_dir(self) -> bool {
        self.0 >= 8
    }

    /// Commands are lists, every process is direct, and `args` may be replaced by the user (0.9).
    pub fn has_command_list(self) -> bool {
        self.0 >= 9
    }

    /// Targets exist: `[[targets]]` and `CNB_TARGET_*` (0.10).
    pub fn has_targets(self) -> bool {
        self.0 >= 10
    }

    /// Extensions may write build contexts and `[[run.args]]` (0.11).
    pub fn has_extend_contexts(self) -> bool {
        self.0 >= 11
    }

    /// Execution environments exist (0.12).
    pub fn has_exec_env(self) -> bool {
        self.0 >= 12
    }
}

impl FromStr for PlatformApi {
    type Err = Error;

    /// Fails with [`ErrorKind::ApiSyntax`] or [`ErrorKind::ApiUnsupported`].
    fn from_str(text: &str) -> Result<PlatformApi> {
        match version(text)? {
            (0, minor) if PlatformApi::all().any(|api| api.0 == minor) => Ok(PlatformApi(minor)),
            _ => Err(unsupported("platform", text)),
        }
    }
}

impl FromStr for BuildpackApi {
    type Err = Error;

    /// Fails with [`ErrorKind::ApiSyntax`] or [`ErrorKind::ApiUnsupported`].
    fn from_str(text: &str) -> Result<BuildpackApi> {
        match version(text)? {
            (0, minor) if BuildpackApi::all().any(|api| api.0 == minor) => Ok(BuildpackApi(minor)),
            _ => Err(unsupported("buildpack", text)),
        }
    }
}

/// Says whether a buildpack of this version, supported or not, knows targets. Fails with [`ErrorKind::ApiSyntax`].
pub(crate) fn text_has_targets(api: &str) -> Result<bool> {
    Ok(version(api)? >= (0, 10))
}

/// Reads `^v?\d+(\.\d*)?$`; numbers that do not fit stand for "some unsupported version" (255).
fn version(text: &str) -> Result<(u8, u8)> {
    let rest = text.strip_prefix('v').unwrap_or(text);
    let (major, minor) = rest.split_once('.').unwrap_or((rest, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if major.is_empty() || !digits(major) || !digits(minor) {
        return Err(Error::new(
            ErrorKind::ApiSyntax,
            format!("could not parse '{text}' as version"),
        ));
    }
    let number = |part: &str| {
        if part.is_empty() {
            0
        } else {
            part.parse().unwrap_or(u8::MAX)
        }
    };
    Ok((number(major), number(minor)))
}

fn unsupported(kind: &str, text: &str) -> Error {
    Error::new(
        ErrorKind::ApiUnsupported,
        format!("{kind} API version '{text}' is incompatible with the lifecycle"),
    )
}

impl fmt::Display for PlatformApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0.{}", self.0)
    }
}

impl fmt::Display for BuildpackApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0.{}", self.0)
    }
}
