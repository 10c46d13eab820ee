//! File trees as packing sees them: on a disk, or described (golden vectors, trees that do not exist yet).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::Dir;

use super::{Content, Node};
use crate::{Error, Result};

/// A file in a tree, as it is there.
#[derive(Debug, Clone)]
pub struct Found {
    pub kind: FoundKind,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

#[derive(Debug, Clone)]
pub enum FoundKind {
    Node(Node),
    /// No tar can hold it.
    Socket,
}

/// Where files are found. Paths are relative to the root of the tree; the empty one is the root.
pub trait Tree {
    /// The entry itself, never what a link points to.
    fn look(&self, path: &Path) -> Result<Found>;

    /// The names in a directory, sorted by their bytes, and what they are.
    fn list(&self, path: &Path) -> Result<Vec<(OsString, Found)>>;
}

/// A directory on this machine.
#[derive(Debug)]
pub struct Disk {
    root: Arc<Dir>,
}

impl Disk {
    /// Opens a trusted path; below it no link is followed.
    pub fn open(path: &Path) -> Result<Disk> {
        let root = Dir::open(path).map_err(|error| Error::files(format!("packing {}", path.display()), error))?;
        Ok(Disk { root: Arc::new(root) })
    }
}

impl Tree for Disk {
    fn look(&self, path: &Path) -> Result<Found> {
        let _ = (path, &self.root, PathBuf::new(), Content::size);
        todo!()
    }

    fn list(&self, path: &Path) -> Result<Vec<(OsString, Found)>> {
        let _ = path;
        todo!()
    }
}
