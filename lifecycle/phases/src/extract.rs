//! Unpacks a layer that the lifecycle itself packed, back to where it was.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use files::{Dir, Kind as FileKind};
use oci::tarball::{self, Header, Kind, Limits};

use crate::{Context, Error, ErrorKind, Event, Level, Result, messages};

/// The one folder that may be written.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `<layers>`, the name that all names in the tar begin with.
    pub(crate) layers: PathBuf,
    /// The folder, relative to it.
    pub(crate) beneath: PathBuf,
}

/// Unpacks folders, files and symbolic links to their place; other kinds fail.
///
/// What lies there already stays unless the tar has it, too. Entries for elsewhere are left out with a warning. No link
/// is followed. Owners, times and set-id bits are not restored.
pub(crate) fn extract(
    cx: &Context<'_>,
    tar: &mut dyn Read,
    place: &Place,
    layers: &Dir,
) -> Result<()> {
    let mut made = Vec::new();
    let mut fault = None;
    let read = tarball::read(tar, &Limits::default(), &mut |header, content| match entry(
        cx, header, content, place, layers, &mut made,
    ) {
        Ok(()) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            fault = Some(error);
            Err(oci::Error::new(oci::ErrorKind::Malformed, text))
        }
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    let doing = || format!("unpacking {}", place.layers.join(&place.beneath).display());
    read.map_err(|cause| Error::new(ErrorKind::CachedTar, doing()).because(cause))?;
    // Only now, so that what lies in a folder without permissions could be written.
    for (folder, mode) in made.iter().rev() {
        layers
            .set_mode(folder, *mode)
            .map_err(|cause| Error::new(ErrorKind::Io, doing()).because(cause))?;
    }
    Ok(())
}

fn entry(
    cx: &Context<'_>,
    header: &Header,
    content: &mut dyn Read,
    place: &Place,
    layers: &Dir,
    made: &mut Vec<(PathBuf, u32)>,
) -> Result<()> {
    let name = absolute(&header.name);
    let folder = place.layers.join(&place.beneath);
    if folder.ancestors().skip(1).any(|above| above == name) {
        return Ok(());
    }
    let Some(beneath) = name
        .strip_prefix(&place.layers)
        .ok()
        .filter(|beneath| beneath.starts_with(&place.beneath))
    else {
        let text = messages::outside(&name, &folder);
        cx.events.tell(Event::Said {
            level: Level::Warning,
            text,
        });
        return Ok(());
    };
    let failed = |cause: files::Error| {
        Error::new(
            ErrorKind::CachedTar,
            format!("unpacking {}", name.display()),
        )
        .because(cause)
    };
    let mode = u32::try_from(header.mode).unwrap_or_default() & 0o777;
    let old = layers.stat(beneath).map_err(failed)?;
    let parent = || match beneath.parent() {
        Some(parent) => layers
            .create_dir_all(parent, 0o755)
            .map(drop)
            .map_err(failed),
        None => Ok(()),
    };
    match (header.kind, old) {
        (Kind::Dir, Some(old)) if old.kind == FileKind::Dir => Ok(()),
        (Kind::Dir, None) => {
            parent()?;
            layers.create_dir(beneath, 0o700).map_err(failed)?;
            made.push((beneath.to_owned(), mode));
            Ok(())
        }
        (Kind::File, old) => {
            parent()?;
            if old.is_some() {
                layers.remove_file(beneath).map_err(failed)?;
            }
            let mut file = layers.create_file(beneath, mode).map_err(failed)?;
            let doing = || {
                Error::new(
                    ErrorKind::CachedTar,
                    format!("unpacking {}", name.display()),
                )
            };
            io::copy(content, &mut file)
                .map(drop)
                .map_err(|cause| doing().because(cause))
        }
        (Kind::Symlink, None) => {
            parent()?;
            layers
                .symlink(Path::new(OsStr::from_bytes(&header.link)), beneath)
                .map_err(failed)
        }
        (Kind::Dir | Kind::Symlink, Some(_)) => Err(Error::new(
            ErrorKind::CachedTar,
            format!("unpacking {}: something else is there", name.display()),
        )),
        (kind, _) => Err(Error::new(
            ErrorKind::CachedType,
            format!("unpacking {}: it is {kind:?}", name.display()),
        )),
    }
}

/// A name of a tar as an absolute path without `.` and `..`.
fn absolute(name: &[u8]) -> PathBuf {
    let mut path = PathBuf::from("/");
    for component in Path::new(OsStr::from_bytes(name)).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => {
                path.pop();
            }
            _ => {}
        }
    }
    path
}
