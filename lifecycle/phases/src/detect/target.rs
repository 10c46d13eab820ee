//! Whether a module runs on what the run image is.

use std::env::consts::ARCH;
use std::path::Path;

use cnb::{Distro, ImageTarget, Target};

use crate::Result;
use crate::inside::Inside;
use crate::limits::TOML_BYTES;

/// What the run image is, with gaps filled from the build image when nobody knows the distribution.
pub(crate) fn complete(target: &ImageTarget, inside: &Inside) -> Result<ImageTarget> {
    let os_release = match target.distro {
        Some(_) => None,
        None => inside.text(Path::new("/etc/os-release"), TOML_BYTES)?,
    };
    Ok(target
        .clone()
        .or_build_image(machine(), os_release.as_deref()))
}

/// The machine's architecture as images name it.
fn machine() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

/// Whether any of a module's targets fits. A module without targets runs anywhere.
pub(super) fn fits(module: &[Target], image: &ImageTarget) -> bool {
    module.is_empty() || module.iter().any(|target| target.matches(image))
}

/// Says in plain words what does not fit.
pub(super) fn mismatch(module: &[Target], image: &ImageTarget) -> String {
    let distro = |distro: &Distro| {
        [" ", &distro.name, " ", &distro.version]
            .concat()
            .trim_end()
            .to_owned()
    };
    let machine = |os: &str, arch: &str, variant: &str| {
        [os, arch, variant]
            .map(|part| if part.is_empty() { "*" } else { part })
            .join("/")
            .replace("/*", "")
    };
    let target = |target: &Target| {
        let distros = target
            .distros
            .iter()
            .map(distro)
            .collect::<Vec<_>>()
            .join(" or");
        machine(&target.os, &target.arch, &target.variant) + &distros
    };
    let wanted = module.iter().map(target).collect::<Vec<_>>().join(", ");
    let found = machine(&image.os, &image.arch, &image.variant)
        + &image.distro.as_ref().map(distro).unwrap_or_default();
    format!("it is for {wanted}; the run image is {found}")
}
