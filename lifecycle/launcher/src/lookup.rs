//! Looks up a command in `PATH`, by the rules of Go's `exec.LookPath`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::error::go_text;

/// Finds the program. A name with a slash is taken as it is; what `PATH` finds must be absolute.
pub(crate) fn find(command: &OsStr, path: &OsStr) -> Result<OsString, String> {
    let refused = |what: &str| Err(format!("exec: {:?}: {what}", command.to_string_lossy()));
    if command.as_bytes().contains(&b'/') {
        return match executable(Path::new(command)) {
            Ok(()) => Ok(command.to_owned()),
            Err(error) => refused(&go_text(&error)),
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

fn executable(path: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        // Containers may forbid the call; then the bits must do.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM)
            if metadata.permissions().mode() & 0o111 != 0 =>
        {
            Ok(())
        }
        other => Ok(other?),
    }
}
