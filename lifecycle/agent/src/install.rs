//! The first-party buildpacks as a folder, in which each program is a link to this binary.

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use cnb::{BuildpackId, BuildpackToml, Order, OrderElement, OrderGroup};
use toolkit::Buildpack;

/// Where the platform puts this binary in the sandbox and in builder images.
const SELF: &str = "/cnb/lifecycle/lifecycle";

/// Programs of a buildpack.
const PROGRAMS: [&str; 2] = ["detect", "build"];

/// The groups of the default order; `?` marks what may be missing.
///
/// First a source with requirements, then anything that says itself how it is started.
const ORDER: [&[&str]; 2] = [
    &["slipway/python", "slipway/pip", "slipway/procfile?"],
    &["slipway/python?", "slipway/procfile"],
];

/// Writes `folder/<id with _ for />/<version>/{buildpack.toml,bin/detect,bin/build}` and `folder/order.toml`.
///
/// What is there already under these names is replaced. Everything is 0755 or 0644 under the usual umask.
pub(crate) fn install(folder: &Path, buildpacks: &[&dyn Buildpack]) -> Result<(), Box<dyn Error>> {
    let mut known = Vec::new();
    for buildpack in buildpacks {
        let text = buildpack.descriptor();
        let programs = PROGRAMS.map(str::to_owned);
        let descriptor = BuildpackToml::parse(text, Path::new("buildpack.toml"), &programs)?;
        let id = descriptor.buildpack.id;
        let own = folder
            .join(id.to_string().replace('/', "_"))
            .join(&descriptor.buildpack.version);
        write_one(&own, text)?;
        known.push((id, descriptor.buildpack.version));
    }
    fs::write(folder.join("order.toml"), order(&known)?.to_toml())?;
    Ok(())
}

fn write_one(folder: &Path, descriptor: &str) -> io::Result<()> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin)?;
    fs::write(folder.join("buildpack.toml"), descriptor)?;
    for program in PROGRAMS {
        let link = bin.join(program);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => symlink(SELF, &link)?,
        }
    }
    Ok(())
}

fn order(known: &[(BuildpackId, String)]) -> Result<Order, Box<dyn Error>> {
    let mut order = Order::default();
    for group in ORDER {
        let mut elements = Vec::new();
        for written in group {
            let name = written.trim_end_matches('?');
            let (id, version) = known
                .iter()
                .find(|(id, _)| *id == *name)
                .ok_or_else(|| format!("the order names {name}, which is not in this program"))?;
            elements.push(OrderElement {
                id: id.clone(),
                version: version.clone(),
                optional: written.ends_with('?'),
                ..OrderElement::default()
            });
        }
        order.groups.push(OrderGroup { group: elements });
    }
    Ok(order)
}
