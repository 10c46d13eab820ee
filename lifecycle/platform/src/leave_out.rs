//! What of a source folder never goes into a build: version control, environments and leftovers of tools.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use files::Dir;

/// Names that are left out wherever they stand, as files and as folders (`.git` is a file in a worktree).
const NAMES: [&str; 7] = [
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "node_modules",
    "__pycache__",
    ".DS_Store",
];

/// Whether an entry of `dir` is left out.
pub(crate) fn left_out(dir: &Dir, name: &OsStr) -> bool {
    NAMES.iter().any(|known| name == OsStr::new(known))
        || name.as_bytes().ends_with(b".pyc")
        || name == OsStr::new("venv") && is_environment(dir, name)
}

/// A folder `venv` may also be a package of the application; only an environment has this file.
fn is_environment(dir: &Dir, name: &OsStr) -> bool {
    let marker = std::path::Path::new(name).join("pyvenv.cfg");
    matches!(dir.stat(&marker), Ok(Some(_)))
}
