//! Removing a folder that others take for whole when they find it: it loses its name first.

use std::path::Path;

use files::Dir;

/// What a folder is called that is not yet, or no longer, whole. Whoever cleans a place removes those that nobody has.
pub(crate) const PREFIX: &str = ".new-";

/// The name that a half folder has, or had, when it is whole.
pub(crate) fn whole(name: &str) -> &str {
    name.strip_prefix(PREFIX).unwrap_or(name)
}

/// Removes a file or a folder of `parent` so that nobody ever finds half of it, also when the program is killed meanwhile.
///
/// The caller has the lock that goes with the name.
pub(crate) fn remove(parent: &Dir, name: &str) -> files::Result<()> {
    if name.starts_with(PREFIX) {
        return parent.remove_tree(Path::new(name));
    }
    let half = format!("{PREFIX}{name}");
    parent.remove_tree(Path::new(&half))?;
    match parent.rename(Path::new(name), Path::new(&half)) {
        Err(error) if error.kind() == files::ErrorKind::NotFound => Ok(()),
        renamed => renamed.and_then(|()| parent.remove_tree(Path::new(&half))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_and_what_is_half_goes_and_nothing_else() {
        let top = tempfile::tempdir().unwrap();
        let dir = Dir::open(top.path()).unwrap();
        for name in ["a", ".new-a", ".new-b", "c"] {
            std::fs::create_dir_all(top.path().join(name).join("below")).unwrap();
        }
        for name in ["a", ".new-b", "absent"] {
            remove(&dir, name).unwrap();
        }
        let left: Vec<_> = dir
            .entries()
            .unwrap()
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(left, ["c"]);
    }
}
