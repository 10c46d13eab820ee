//! What a module runs on, what an image is, and whether the two fit.
//!
//! Spec: buildpack.md, "Targets"; platform.md, "analyzed.toml".

use serde::{Deserialize, Serialize};

/// A distribution; an empty field matches any.
///
/// Spec: buildpack.md, "buildpack.toml (TOML)": `[[targets.distros]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Distro {
    pub name: String,
    pub version: String,
}

/// A platform that a buildpack or extension says it runs on; an empty field matches any.
///
/// Spec: buildpack.md, "buildpack.toml (TOML)": `[[targets]]`. The spec says `variant`, the Go lifecycle reads
/// `arch-variant`; we read both and write Go's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, from = "TargetFile", into = "TargetFile")]
pub struct Target {
    pub os: String,
    pub arch: String,
    pub variant: String,
    pub distros: Vec<Distro>,
}

/// What a run image is.
///
/// Spec: platform.md, "analyzed.toml": `[run-image.target]`. Both names of the variant are read and written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, from = "ImageTargetFile", into = "ImageTargetFile")]
pub struct ImageTarget {
    /// Label `io.buildpacks.base.id`.
    pub id: String,
    pub os: String,
    pub arch: String,
    pub variant: String,
    pub distro: Option<Distro>,
}

impl Target {
    /// Any image for linux.
    pub(crate) fn linux() -> Target {
        Target {
            os: "linux".into(),
            ..Target::default()
        }
    }

    /// Says whether a module for this target runs on `image` (DE-14).
    ///
    /// A module that names distributions does not run on an image whose distribution is unknown.
    pub fn matches(&self, image: &ImageTarget) -> bool {
        same(&image.os, &self.os)
            && same(&image.arch, &self.arch)
            && same(&image.variant, &self.variant)
            && self.matches_distro(image.distro.as_ref())
    }

    fn matches_distro(&self, image: Option<&Distro>) -> bool {
        let Some(image) = image else {
            return self.distros.is_empty();
        };
        let fits = |distro: &Distro| {
            same(&image.name, &distro.name) && same(&image.version, &distro.version)
        };
        self.distros.is_empty() || self.distros.iter().any(fits)
    }
}

impl ImageTarget {
    /// Fills what labels of the run image did not say: os, arch, and from `/etc/os-release` the distribution (EV-4).
    ///
    /// `os_release` is `None` when that file is absent. Nothing is filled when the distribution is known.
    #[must_use]
    pub fn or_build_image(mut self, arch: &str, os_release: Option<&str>) -> ImageTarget {
        if self.distro.is_none() {
            fill(&mut self.os, "linux");
            fill(&mut self.arch, arch);
            self.distro = os_release.and_then(Distro::of_os_release);
        }
        self
    }
}

impl Distro {
    /// Reads `ID` and `VERSION_ID`; `None` when neither is there. Like Go it strips double quotes only.
    pub fn of_os_release(text: &str) -> Option<Distro> {
        let mut distro = Distro::default();
        for line in text.split('\n') {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            if value.contains('=') {
                continue;
            }
            let value = value.trim_matches(['"', ' ']);
            match key {
                "ID" => value.clone_into(&mut distro.name),
                "VERSION_ID" => value.clone_into(&mut distro.version),
                _ => {}
            }
            if !distro.name.is_empty() && !distro.version.is_empty() {
                break;
            }
        }
        (distro != Distro::default()).then_some(distro)
    }
}

fn same(one: &str, other: &str) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

fn fill(field: &mut String, default: &str) {
    if field.is_empty() {
        default.clone_into(field);
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
struct TargetFile {
    os: String,
    arch: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    arch_variant: String,
    #[serde(skip_serializing)]
    variant: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    distros: Vec<Distro>,
}

impl From<TargetFile> for Target {
    fn from(mut file: TargetFile) -> Target {
        fill(&mut file.arch_variant, &file.variant);
        Target {
            os: file.os,
            arch: file.arch,
            variant: file.arch_variant,
            distros: file.distros,
        }
    }
}

impl From<Target> for TargetFile {
    fn from(target: Target) -> TargetFile {
        let variant = String::new();
        TargetFile {
            os: target.os,
            arch: target.arch,
            arch_variant: target.variant,
            variant,
            distros: target.distros,
        }
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
struct ImageTargetFile {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    os: String,
    arch: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    arch_variant: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    variant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    distro: Option<Distro>,
}

impl From<ImageTargetFile> for ImageTarget {
    fn from(mut file: ImageTargetFile) -> ImageTarget {
        fill(&mut file.arch_variant, &file.variant);
        ImageTarget {
            id: file.id,
            os: file.os,
            arch: file.arch,
            variant: file.arch_variant,
            distro: file.distro,
        }
    }
}

impl From<ImageTarget> for ImageTargetFile {
    fn from(target: ImageTarget) -> ImageTargetFile {
        ImageTargetFile {
            id: target.id,
            os: target.os,
            arch: target.arch,
            arch_variant: target.variant.clone(),
            variant: target.variant,
            distro: target.distro,
        }
    }
}
