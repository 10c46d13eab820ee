//! A folder of its own for the plan of one buildpack, removed again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use files::Dir;

use crate::inside::failed;
use crate::{Dirs, Error, ErrorKind, Result};

/// Folders made so far, so that names differ within this process.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU32);

#[derive(Debug)]
pub(crate) struct Scratch {
    parent: Dir,
    own: Dir,
    beneath: PathBuf,
    /// Its name in the build environment.
    name: PathBuf,
}

impl Scratch {
    /// Makes a new folder, mode 0700, below the folder `scratch` of the build environment.
    pub(crate) fn new(dirs: &Dirs, scratch: &Path, counter: &Counter) -> Result<Self> {
        let parent =
            Dir::open(&dirs.on_disk(scratch)).map_err(|cause| failed("opening", scratch, cause))?;
        // Programs that ran before may have left anything here: a name that is taken is passed over.
        for _ in 0..1000 {
            let number = counter.0.fetch_add(1, Ordering::Relaxed);
            let beneath = PathBuf::from(format!("plan-{}-{number}", std::process::id()));
            match parent.create_dir(&beneath, 0o700) {
                Ok(own) => {
                    let name = scratch.join(&beneath);
                    return Ok(Self {
                        parent,
                        own,
                        beneath,
                        name,
                    });
                }
                Err(cause) if cause.kind() == files::ErrorKind::Exists => {}
                Err(cause) => return Err(failed("creating a folder in", scratch, cause)),
            }
        }
        Err(Error::new(
            ErrorKind::Io,
            format!(
                "creating a folder in {}: all names are taken",
                scratch.display()
            ),
        ))
    }

    /// Its name in the build environment.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> Result<PathBuf> {
        use std::io::Write;
        let name = self.name.join(file);
        let mut created = self
            .own
            .create_file(Path::new(file), 0o600)
            .map_err(|cause| failed("creating", &name, cause))?;
        created.write_all(text.as_bytes()).map_err(|cause| {
            Error::new(ErrorKind::Io, format!("writing {}", name.display())).because(cause)
        })?;
        Ok(name)
    }

    pub(crate) fn read(&self, file: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.own
            .read(Path::new(file), limit)
            .map_err(|cause| failed("reading", &self.name.join(file), cause))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left_for_the_platform_to_remove = self.parent.remove_tree(&self.beneath);
    }
}
