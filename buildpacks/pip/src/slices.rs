//! Packages in layers of their own, so that a changed one moves only its own bytes.
//!
//! What a distribution installed is moved out of the finished venv into a further layer, and a link stays in its place:
//! `site-packages/numpy -> …/package-numpy/site-packages/numpy`. Python sees one folder of packages with the paths that it
//! always had. The places of files relative to each other are kept within a layer, because shared objects find their
//! libraries by them.
//!
//! Numbers, and what was rejected: docs/decisions/0004-packages-in-layers-of-their-own.md.

mod assignment;
mod elf;
mod foreign;
mod owners;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use toolkit::{BuildContext, Failure, Layer, Result, create_folder};

use self::owners::Unit;
use crate::venv::Venv;

/// Below this the packages are one layer: what a push saves is less than what further layers cost.
const WORTHWHILE_BYTES: u64 = 64 << 20;

/// The folder in a layer that stands for the one in the venv. Not the layer itself: a package named `bin` or `lib` would be
/// taken for a folder of programs or libraries (buildpack.md, "Layer Paths").
const SITE: &str = "site-packages";

/// Whether packages are to have layers of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slices {
    /// When it is worthwhile.
    Auto,
    Never,
    Always,
}

impl Slices {
    /// What `BP_PYTHON_SLICES` wants.
    pub(crate) fn wanted(cx: &BuildContext<'_>) -> Result<Slices> {
        match cx.variable("BP_PYTHON_SLICES")? {
            None | Some("auto") => Ok(Slices::Auto),
            Some("never") => Ok(Slices::Never),
            Some("always") => Ok(Slices::Always),
            Some(other) => Err(Failure::new(
                "SLP-CFG-102",
                format!("the variable BP_PYTHON_SLICES is `{other}`"),
            )
            .help("set BP_PYTHON_SLICES to auto, never or always")),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Slices::Auto => "auto",
            Slices::Never => "never",
            Slices::Always => "always",
        }
    }
}

/// Moves packages out of the finished `venv`, which is `layer`, into parts of the layer.
pub(crate) fn cut(
    cx: &BuildContext<'_>,
    layer: &mut Layer,
    venv: &Venv,
    wanted: Slices,
) -> Result<()> {
    if wanted == Slices::Never {
        return Ok(());
    }
    let site = venv.site_packages();
    let units = owners::units(&site)?;
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for unit in &units {
        *sizes.entry(piece(unit)).or_default() += unit.bytes;
    }
    let total: u64 = sizes.values().sum();
    if wanted == Slices::Auto && total <= WORTHWHILE_BYTES {
        return Ok(());
    }
    let assigned = assignment::assign(&sizes);
    let mut layers: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
    for unit in &units {
        if let Some(name) = assigned.get(&piece(unit)) {
            layers.entry(name).or_default().push(unit);
        }
    }
    cx.log.line(&format!(
        "Packages with {} MB get {} layers of their own",
        total.div_ceil(1_000_000),
        layers.len()
    ));
    for (name, units) in layers {
        let part = layer.part(name)?.join(SITE);
        fill(&part, &site, &units)?;
    }
    Ok(())
}

/// What a unit stays together with: its distribution. Large libraries that a wheel brings along for its shared objects, such
/// as the 8 MB of `numpy.libs`, stand alone (`numpy.libs`, no distribution's name): they rarely change with the code.
fn piece(unit: &Unit) -> String {
    let is_libraries = unit.path.extension().is_some_and(|end| end == "libs");
    if is_libraries && unit.bytes >= assignment::LARGE_BYTES {
        format!("{}.libs", unit.owner)
    } else {
        unit.owner.clone()
    }
}

/// Moves the units of one layer to its folder `part`.
fn fill(part: &Path, site: &Path, units: &[&Unit]) -> Result<()> {
    for unit in units {
        let (from, to) = (site.join(&unit.path), part.join(&unit.path));
        create_folder(to.parent().unwrap_or(part))?;
        fs::rename(&from, &to).map_err(|error| failed("moving", &from, &error))?;
        link(&from, &to)?;
    }
    for unit in units {
        for path in foreign::reached_from(part, &unit.path)? {
            let at = part.join(&path);
            create_folder(at.parent().unwrap_or(part))?;
            link(&at, &site.join(&path))?;
        }
    }
    Ok(())
}

/// Makes `at` a link to `to`, relative: it holds wherever the layers are looked at.
fn link(at: &Path, to: &Path) -> Result<()> {
    let from = at.parent().unwrap_or(Path::new("/"));
    symlink(relative(from, to), at).map_err(|error| failed("linking", at, &error))
}

/// The way from a folder to a path, both absolute and without `.` and `..`.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::internal(format!("{doing} {}", path.display()), error)
}

#[cfg(test)]
mod tests;
