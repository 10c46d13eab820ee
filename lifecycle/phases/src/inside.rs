//! Reads what lies in the build environment by its names there, also when its root is a folder of this machine.
//!
//! Links are followed as the build environment would follow them and never lead out of the root; every
//! single file is opened through `files`, regular files only, and read up to a limit.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use files::{Dir, Kind};

use crate::{Dirs, Error, ErrorKind, Result};

/// As many links as Linux follows in one name.
const LINKS: usize = 40;

/// The root of a build environment.
#[derive(Debug)]
pub(crate) struct Inside {
    root: Dir,
}

impl Inside {
    pub(crate) fn open(dirs: &Dirs) -> Result<Self> {
        let root = Dir::open(&dirs.root).map_err(|cause| unreadable(&dirs.root, cause))?;
        Ok(Self { root })
    }

    /// Reads a file, its own name and all above it free of links. `None` when it is absent.
    pub(crate) fn read(&self, name: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        self.root.read(&beneath(name), limit).map_err(|cause| unreadable(name, cause))
    }

    /// Reads a text file likewise.
    pub(crate) fn text(&self, name: &Path, limit: u64) -> Result<Option<String>> {
        let Some(bytes) = self.read(name, limit)? else { return Ok(None) };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(cause) => Err(Error::new(ErrorKind::Format, format!("reading {}", name.display())).because(cause)),
        }
    }
}
