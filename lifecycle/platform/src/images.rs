//! The images in the store: listing, removing, saving.

use std::io::Write;
use std::path::Path;

use oci::{Images, Reference};
use serde::Serialize;

use crate::base;
use crate::build::tidy_up;
use crate::error::{Doing, Result};
use crate::host::Host;
use crate::name::familiar;
use crate::outputs::{Archive, write_archive, write_file};
use crate::run::no_image;

/// One name in the store.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    pub name: String,
    /// Of the manifest.
    pub digest: String,
    /// Compressed layers.
    pub bytes: u64,
    /// RFC 3339, as the image says.
    pub created: Option<String>,
    /// Made by us to build on, not by a build.
    pub base: bool,
}

/// All images by name.
pub fn list(host: &Host<'_>) -> Result<Vec<Listed>> {
    let store = host.images()?;
    let mut listed = Vec::new();
    for named in store.list().doing("listing images")? {
        if let Some(image) = store.find(&named.name).doing("listing images")? {
            listed.push(Listed {
                name: familiar(&named.name),
                digest: named.manifest.digest.to_string(),
                bytes: image.size(),
                created: image.config().created().map(str::to_owned),
                base: base::is_base(&named.name),
            });
        }
    }
    Ok(listed)
}

/// Removes names, and the blobs and unpacked layers that nothing else needs. Nothing is removed when one name is unknown.
pub fn remove(host: &Host<'_>, names: &[Reference]) -> Result<()> {
    let store = host.images()?;
    for name in names {
        if store
            .resolve(name)
            .doing(format!("looking for {}", name.as_typed()))?
            .is_none()
        {
            return Err(no_image(name));
        }
    }
    for name in names {
        store
            .remove(name)
            .doing(format!("removing {}", name.as_typed()))?;
    }
    tidy_up(host, &store)
}

/// Gives an image further names; one that another image has moves to this one.
pub fn tag(host: &Host<'_>, name: &Reference, names: &[Reference]) -> Result<()> {
    let store = host.images()?;
    let found = store
        .resolve(name)
        .doing(format!("looking for {}", name.as_typed()))?;
    let manifest = found.ok_or_else(|| no_image(name))?;
    store.tag(&manifest, names).doing("naming the image")?;
    tidy_up(host, &store)
}

/// Writes an image as an archive to a file, or to `into` without one.
pub fn save(
    host: &Host<'_>,
    name: &Reference,
    archive: Archive,
    file: Option<&Path>,
    into: &mut dyn Write,
) -> Result<()> {
    let store = host.images()?;
    let image = store
        .find(name)
        .doing(format!("looking for {}", name.as_typed()))?;
    let image = image.ok_or_else(|| no_image(name))?;
    let names = std::slice::from_ref(name);
    match file {
        Some(file) => write_file(&image, names, archive, file),
        None => write_archive(&image, names, archive, into),
    }
}
