//! Libraries in other layers that shared objects look for beside their own package: numpy in `$ORIGIN/../../numpy.libs`, torch
//! in `$ORIGIN/../../nvidia/cublas/lib`. The kernel follows such a path from where the file really lies, so the layer gets a
//! link back to the venv at that place. It follows from the file alone: whether another distribution is installed does not
//! change the layer.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use toolkit::Result;

use super::{elf, failed};

/// Paths below `part`, the folder of a layer, where the unit at `path` expects something that is not there. Sorted, and none
/// lies below another.
pub(super) fn reached_from(part: &Path, path: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut wanted = BTreeSet::new();
    programs(&part.join(path), &mut |file| {
        let folder = file
            .strip_prefix(part)
            .ok()
            .and_then(Path::parent)
            .unwrap_or(path);
        let places = elf::search_paths(file);
        let places = places.iter().filter_map(|text| beside(folder, text));
        wanted.extend(places.filter_map(|place| first_missing(part, &place)));
    })?;
    Ok(wanted)
}

/// Visits shared objects and programs.
fn programs(path: &Path, visit: &mut dyn FnMut(&Path)) -> Result<()> {
    let meta = path
        .symlink_metadata()
        .map_err(|error| failed("looking at", path, &error))?;
    if meta.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| failed("listing", path, &error))? {
            let entry = entry.map_err(|error| failed("listing", path, &error))?;
            programs(&entry.path(), visit)?;
        }
    } else if meta.is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(".so") || meta.permissions().mode() & 0o111 != 0 {
            visit(path);
        }
    }
    Ok(())
}

/// What an entry of a search path means for a file in `folder`, which lies below `site-packages`; `None` when that is
/// outside.
fn beside(folder: &Path, entry: &str) -> Option<PathBuf> {
    let way = ["$ORIGIN/", "${ORIGIN}/"]
        .iter()
        .find_map(|origin| entry.strip_prefix(origin))?;
    let mut place: Vec<Component<'_>> = folder.components().collect();
    for part in Path::new(way).components() {
        match part {
            Component::ParentDir => {
                place.pop()?;
            }
            Component::Normal(_) => place.push(part),
            _ => {}
        }
    }
    (!place.is_empty()).then(|| place.into_iter().collect())
}

/// The uppermost part of a path that does not exist; `None` when all of it does, or a link leads on.
fn first_missing(part: &Path, place: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    for name in place.components() {
        found.push(name);
        match part.join(&found).symlink_metadata() {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return None,
            Err(_) => return Some(found),
        }
    }
    None
}
