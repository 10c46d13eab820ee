//! Looks up a command in `PATH`, by the rules of Go's `exec.LookPath`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use crate::error::go_text;

/// Finds the program. A name with a slash is taken as it is; what `PATH` finds must be absolute.
pub(crate) fn find(command: &OsStr, path: &OsStr) -> Result<OsString, String> {
    let refused = |what: &str| Err(format!("exec: {:?}: {what}", command.to_string_lossy()));
    if command.as_bytes().contains(&b'/') {
        return match executable(Path::new(command)) {
            Ok(()) => Ok(command.to_owned()),
            Err(what) => refused(&what),
        };
    }
    for dir in path.as_bytes().split(|byte| *byte == b':') {
        let dir = if dir.is_empty() {
            Path::new(".")
        } else {
            Path::new(OsStr::from_bytes(dir))
        };
        let program: PathBuf = dir.join(command);
        if executable(&program).is_err() {
            continue;
        }
        if !program.is_absolute() {
            return refused("cannot run executable found relative to current directory");
        }
        return Ok(program.into_os_string());
    }
    refused("executable file not found in $PATH")
}

fn executable(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path)
        .map_err(|error| format!("stat {}: {}", path.display(), go_text(&error)))?;
    if metadata.is_dir() {
        return Err("is a directory".to_owned());
    }
    match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // Containers may forbid the call; then the bits must do.
        Err(Errno::NOSYS | Errno::PERM) if metadata.permissions().mode() & 0o111 != 0 => Ok(()),
        Err(errno) => Err(go_text(&errno.into())),
        Ok(()) => Ok(()),
    }
}
