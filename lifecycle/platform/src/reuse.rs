//! Layers that buildpacks want back in the next build of the same image, with their contents.
//!
//! One folder per image repository and builder below `reuse`; one build at a time has it, others do without.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use files::{Dir, Kind, Lock};
use oci::{Digest, Reference};

use crate::error::{Doing, Result};
use crate::host::Host;

/// Beside the folders, one per repository.
const SUFFIX: &str = ".lock";

/// The folder of one image, ours as long as the value lives.
#[derive(Debug)]
pub(crate) struct Reuse {
    path: PathBuf,
    _alone: Lock,
}

impl Reuse {
    /// Opens the folder for builds of an image with a builder; `None` when another build has it.
    pub(crate) fn open(host: &Host<'_>, name: &Reference, builder: &str) -> Result<Option<Reuse>> {
        let doing = "opening the folder of cached layers";
        let repository = of_repository(host, name);
        let Some(alone) = Lock::try_exclusive(&lock_of(&repository)).doing(doing)? else {
            return Ok(None);
        };
        let path = repository.join(short(builder));
        // What another builder left is of no use any more.
        if !path.is_dir() {
            files::remove_tree(&repository).doing(doing)?;
        }
        fs::create_dir_all(&path).doing(doing)?;
        Ok(Some(Reuse {
            path,
            _alone: alone,
        }))
    }

    /// Forgets what is in the folder.
    pub(crate) fn clear(&self) -> Result<()> {
        let doing = "clearing the folder of cached layers";
        files::remove_tree(&self.path).doing(doing)?;
        fs::create_dir(&self.path).doing(doing)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the folders of repositories that no image is in any more.
pub(crate) fn collect(host: &Host<'_>, names: &[Reference]) -> Result<()> {
    let doing = "cleaning the folder of cached layers";
    let wanted: BTreeSet<PathBuf> = names.iter().map(|name| of_repository(host, name)).collect();
    let top = Dir::open(&host.state.reuse()).doing(doing)?;
    for entry in top.entries().doing(doing)? {
        let path = host.state.reuse().join(&entry.name);
        if entry.kind == Kind::Dir
            && !wanted.contains(&path)
            && let Some(_alone) = Lock::try_exclusive(&lock_of(&path)).doing(doing)?
        {
            files::remove_tree(&path).doing(doing)?;
        }
    }
    Ok(())
}

fn of_repository(host: &Host<'_>, name: &Reference) -> PathBuf {
    let repository = name.repository();
    host.state.reuse().join(short(&format!(
        "{}/{}",
        repository.registry(),
        repository.path()
    )))
}

fn lock_of(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

fn short(text: &str) -> String {
    Digest::of(text.as_bytes()).hex().chars().take(16).collect()
}
