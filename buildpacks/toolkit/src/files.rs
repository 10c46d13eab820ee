//! Small files, read whole and written whole; folders. Modes do not depend on the umask.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{Failure, Result};

/// Text files that buildpacks read are small; a larger one is somebody's mistake.
const LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// A file's bytes as text; absent is `None`, larger than 16 MiB or not UTF-8 is an error.
pub fn read_text(path: &Path) -> Result<Option<String>> {
    let Some(bytes) = read_bytes(path)? else {
        return Ok(None);
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        Failure::new("SLP-SRC-112", format!("{} is not UTF-8", path.display())).source(&error)
    })
}

/// A file's bytes; absent is `None`, larger than 16 MiB is an error.
pub fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LIMIT_BYTES {
        return Err(Failure::new(
            "SLP-SRC-113",
            format!("{} is larger than 16 MiB", path.display()),
        ));
    }
    Ok(Some(bytes))
}

/// Writes a file anew, mode 0644.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o644)))
        .map_err(|error| Failure::internal(format!("writing {}", path.display()), &error))
}

/// Creates a folder and those above it that are missing, mode 0755; one that exists stays as it is.
pub fn create_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folder(parent)?;
    }
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
        .map_err(|error| Failure::internal(format!("creating {}", path.display()), &error))
}

/// Removes a file or a folder with all it holds; absent is fine.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !is_absent(&error) => Err(Failure::internal(
            format!("removing {}", path.display()),
            &error,
        )),
        _ => Ok(()),
    }
}

/// A folder in the place of a file's folder is absence too.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new("SLP-SRC-111", format!("reading {}", path.display())).source(error)
}
