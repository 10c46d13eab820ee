//! What an overlay took as changes, folded into the folder below it.
//!
//! For overlays without redirects, metadata-only copies and index, as those of the sandbox.

use std::path::{Path, PathBuf};

use files::{Dir, Kind, Result, Stat};

/// Makes the folder `name` of `lower` what was seen of it through the one of `upper`, which is of no use afterwards.
///
/// Both lie on one file system. Costs what was changed, not what is there. Not atomic.
pub(crate) fn fold(upper: &Dir, lower: &Dir, name: &Path) -> Result<()> {
    let mut seen: Vec<(PathBuf, Stat)> = Vec::new();
    let mut pending = vec![name.to_owned()];
    // A list, not a recursion: whoever built may have nested folders as deep as the disk holds.
    while let Some(folder) = pending.pop() {
        if let Some(stat) = usable(upper, &folder)? {
            seen.push((folder.clone(), stat));
        }
        usable(lower, &folder)?;
        let (from, into) = (upper.dir(&folder)?, lower.dir(&folder)?);
        for entry in from.entries()? {
            if !one(&from, &into, Path::new(&entry.name), entry.kind)? {
                pending.push(folder.join(&entry.name));
            }
        }
    }
    // Innermost first: a folder may not let anybody in any more.
    for (folder, stat) in seen.iter().rev() {
        lower.set_times(folder, stat.mtime)?;
        lower.set_mode(folder, stat.mode)?;
    }
    Ok(())
}

/// Folds one entry; false for a folder that both have and that hides nothing.
fn one(upper: &Dir, lower: &Dir, name: &Path, kind: Kind) -> Result<bool> {
    match kind {
        Kind::Char if upper.stat(name)?.is_some_and(|stat| stat.is_whiteout()) => {
            lower.remove_tree(name)?;
        }
        Kind::Dir => {
            let stat = usable(upper, name)?;
            let both = lower.stat(name)?.is_some_and(|stat| stat.kind == Kind::Dir);
            if both && !upper.is_opaque(name)? {
                // Its mode is looked at once more, and has to be the one that was seen.
                restore(upper, name, stat)?;
                return Ok(false);
            }
            lower.remove_tree(name)?;
            upper.rename_into(name, lower, name)?;
            restore(lower, name, stat)?;
        }
        _ => {
            lower.remove_tree(name)?;
            upper.rename_into(name, lower, name)?;
        }
    }
    Ok(true)
}

/// Lets the owner read and change a folder. Returns what it was before.
pub(crate) fn usable(dir: &Dir, folder: &Path) -> Result<Option<Stat>> {
    let stat = dir.stat(folder)?;
    if let Some(stat) = stat.filter(|stat| stat.mode & 0o700 != 0o700) {
        dir.set_mode(folder, stat.mode | 0o700)?;
    }
    Ok(stat)
}

/// Undoes [`usable`].
pub(crate) fn restore(dir: &Dir, folder: &Path, was: Option<Stat>) -> Result<()> {
    match was.filter(|stat| stat.mode & 0o700 != 0o700) {
        Some(stat) => dir.set_mode(folder, stat.mode),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// An upper and a lower folder, each with a folder `layer`.
    struct Two {
        _dir: tempfile::TempDir,
        upper: Dir,
        lower: Dir,
    }

    fn two() -> Two {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            fs::create_dir_all(dir.path().join(name).join("layer")).unwrap();
            Dir::open(&dir.path().join(name)).unwrap()
        };
        Two {
            upper: open("upper"),
            lower: open("lower"),
            _dir: dir,
        }
    }

    fn write(dir: &Dir, file: &str, text: &str) {
        let path = dir.path().join("layer").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn folded(two: &Two) -> Vec<String> {
        fold(&two.upper, &two.lower, Path::new("layer")).unwrap();
        let top = two.lower.path().join("layer");
        let mut found = Vec::new();
        let mut pending = vec![top.clone()];
        while let Some(folder) = pending.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&top).unwrap().display().to_string();
                if path.is_dir() {
                    found.push(format!("{name}/"));
                    pending.push(path);
                } else {
                    found.push(format!("{name}={}", fs::read_to_string(path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn files_are_added_replaced_and_deleted() {
        let two = two();
        for file in ["kept", "replaced", "deleted", "dir/kept", "dir/deleted"] {
            write(&two.lower, file, "old");
        }
        for file in ["replaced", "added", "dir/added", "new/dir/added"] {
            write(&two.upper, file, "new");
        }
        for file in ["layer/deleted", "layer/dir/deleted"] {
            two.upper.whiteout(Path::new(file)).unwrap();
        }
        assert_eq!(
            folded(&two),
            [
                "added=new",
                "dir/",
                "dir/added=new",
                "dir/kept=old",
                "kept=old",
                "new/",
                "new/dir/",
                "new/dir/added=new",
                "replaced=new"
            ]
        );
    }

    #[test]
    fn folders_are_deleted_replaced_and_take_the_place_of_files() {
        let two = two();
        for file in ["deleted/a/b", "replaced/old", "file", "folder/old"] {
            write(&two.lower, file, "old");
        }
        write(&two.upper, "replaced/new", "new");
        write(&two.upper, "file/new", "new");
        write(&two.upper, "folder", "new");
        two.upper.make_opaque(Path::new("layer/replaced")).unwrap();
        two.upper.whiteout(Path::new("layer/deleted")).unwrap();
        assert_eq!(
            folded(&two),
            [
                "file/",
                "file/new=new",
                "folder=new",
                "replaced/",
                "replaced/new=new"
            ]
        );
    }

    #[test]
    fn modes_are_those_of_the_upper_folders_also_where_nobody_may_enter() {
        let two = two();
        write(&two.lower, "dir/inner/old", "old");
        write(&two.upper, "dir/inner/new", "new");
        write(&two.upper, "closed/file", "new");
        let mode = |dir: &Dir, folder: &str, mode| {
            let path = dir.path().join("layer").join(folder);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&two.lower, "dir/inner", 0o500);
        mode(&two.upper, "dir/inner", 0o050);
        mode(&two.upper, "dir", 0o2711);
        mode(&two.upper, "closed", 0);
        fold(&two.upper, &two.lower, Path::new("layer")).unwrap();
        let found = |folder: &str| {
            let stat = two.lower.stat(&Path::new("layer").join(folder)).unwrap();
            stat.unwrap().mode
        };
        assert_eq!(
            [found("dir"), found("dir/inner"), found("closed")],
            [0o2711, 0o050, 0]
        );
    }
}
