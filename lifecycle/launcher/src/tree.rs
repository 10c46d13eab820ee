//! The layers in the image: every directory below the buildpack's, whatever it was for (LA-8).

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cnb::{EnvDir, LaunchBuildpack};

use crate::error::go_text;

/// A result whose error is Go's text.
pub(crate) type Text<T> = std::result::Result<T, String>;

/// The layers of an image.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    dir: &'a Path,
    buildpacks: &'a [LaunchBuildpack],
}

impl<'a> Layers<'a> {
    /// Layers of these buildpacks, in their order.
    pub fn new(dir: &'a Path, buildpacks: &'a [LaunchBuildpack]) -> Layers<'a> {
        Layers { dir, buildpacks }
    }

    /// Lists the layers of each buildpack that has any, in the order of their names.
    pub(crate) fn by_buildpack(self) -> Text<Vec<Vec<PathBuf>>> {
        let mut all = Vec::new();
        for buildpack in self.buildpacks {
            let dir = self.dir.join(buildpack.id.folder());
            if exists(&dir).map_err(|what| format!("find buildpack directory: {what}"))? {
                all.push(entries(&dir, is_dir)?);
            }
        }
        Ok(all)
    }

    /// Lists the files directly in `name` and in `name/<type>` of every layer, in the order they are used.
    pub(crate) fn files(self, name: &str, process_type: &str) -> Text<Vec<PathBuf>> {
        let mut files = Vec::new();
        for layer in self.by_buildpack()?.iter().flatten() {
            for dir in with_type(&layer.join(name), process_type) {
                files.extend(entries(&dir, |entry| !is_dir(entry))?);
            }
        }
        Ok(files)
    }
}

/// Returns a directory and the one for the process type in it, if there is a type.
pub(crate) fn with_type(dir: &Path, process_type: &str) -> Vec<PathBuf> {
    let special = (!process_type.is_empty()).then(|| dir.join(process_type));
    [dir.to_owned()].into_iter().chain(special).collect()
}

/// Follows links; a link to nowhere does not exist.
pub(crate) fn exists(path: &Path) -> Text<bool> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("stat {}: {}", path.display(), go_text(&error))),
    }
}

/// Reads an `env` directory; an absent one is empty. A link to nowhere is an error.
pub(crate) fn env_dir(dir: &Path) -> Text<EnvDir> {
    let mut files = EnvDir::new();
    for path in entries(dir, |entry| !is_dir(entry))? {
        let failed =
            |error: std::io::Error| format!("open {}: {}", path.display(), go_text(&error));
        if fs::metadata(&path).map_err(failed)?.is_dir() {
            continue;
        }
        let content = fs::read(&path).map_err(failed)?;
        let name = path.file_name().unwrap_or_default().to_owned();
        files.insert(name, std::os::unix::ffi::OsStringExt::from_vec(content));
    }
    Ok(files)
}

/// Lists a directory by name; an absent one is empty.
fn entries(dir: &Path, wanted: impl Fn(&DirEntry) -> bool) -> Text<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        format!(
            "failed to list files in dir '{0}': open {0}: {1}",
            dir.display(),
            go_text(&error)
        )
    };
    let list = match fs::read_dir(dir) {
        Ok(list) => list,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names: Vec<OsString> = Vec::new();
    for entry in list {
        let entry = entry.map_err(failed)?;
        if wanted(&entry) {
            names.push(entry.file_name());
        }
    }
    names.sort();
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// Links are no directories.
fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}
