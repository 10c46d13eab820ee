//! Writing files of the phases below a folder that programs of others wrote to.

use std::io::Write;
use std::path::Path;

use files::{Dir, ErrorKind as Kind};

use crate::inside::failed;
use crate::{Error, ErrorKind, Result};

/// Puts a file in place of whatever has its name, mode 0644; folders on the way are made, 0755.
pub(crate) fn replace(dir: &Dir, beneath: &Path, bytes: &[u8]) -> Result<()> {
    let name = dir.path().join(beneath);
    if let Some(parent) = beneath.parent() {
        dir.create_dir_all(parent, 0o755)
            .map_err(|cause| failed("creating the folder of", &name, cause))?;
    }
    match dir.remove_file(beneath) {
        Err(cause) if cause.kind() != Kind::NotFound => {
            return Err(failed("replacing", &name, cause));
        }
        _ => {}
    }
    let mut file = dir
        .create_file(beneath, 0o644)
        .map_err(|cause| failed("creating", &name, cause))?;
    file.write_all(bytes).map_err(|cause| {
        Error::new(ErrorKind::Io, format!("writing {}", name.display())).because(cause)
    })
}
