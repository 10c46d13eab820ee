//! File trees as packing sees them: on a disk, or described (golden vectors, trees that do not exist yet).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::{Dir, Kind, Stat};

use super::{Content, Node};
use crate::{Error, ErrorKind, Result};

/// What a file of a tree is, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes of a regular file.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
}

/// Where files are found. Paths are relative to the root of the tree; the empty one is the root itself.
pub trait Tree {
    /// The root itself, never what a link points to. It need not be a directory.
    fn root(&self) -> Result<Found>;

    /// The directory that many levels above the root; what a link there points to. `None` above `/`.
    fn above(&self, levels: usize) -> Result<Option<Found>>;

    /// What lies in a directory, in byte order of the names.
    fn list(&self, path: &Path) -> Result<Vec<(OsString, Found)>>;

    /// The target of a link.
    fn link(&self, path: &Path) -> Result<Vec<u8>>;

    fn content(&self, path: &Path, found: &Found) -> Content;
}

/// The node to write for a file; `None` for a socket, which no tar can hold.
pub(crate) fn node(tree: &dyn Tree, path: &Path, found: &Found) -> Result<Option<Node>> {
    Ok(Some(match found.kind {
        Kind::Dir => Node::Dir,
        Kind::File => Node::File(tree.content(path, found)),
        Kind::Symlink => Node::Symlink(tree.link(path)?),
        Kind::Fifo => Node::Fifo,
        Kind::Char => Node::Char(found.device.0, found.device.1),
        Kind::Block => Node::Block(found.device.0, found.device.1),
        Kind::Socket => return Ok(None),
    }))
}

/// A tree on this machine. No link is followed from its trusted folder downwards.
#[derive(Debug)]
pub struct Disk {
    trusted: Arc<Dir>,
    root: PathBuf,
}

impl Disk {
    /// A tree whose root has the last name of `path`; the folders before it are trusted.
    pub fn open(path: &Path) -> Result<Disk> {
        let doing = || format!("packing {}", path.display());
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            let error = Error::new(
                ErrorKind::Malformed,
                "a root folder and paths ending in .. cannot be packed",
            );
            return Err(error.during(doing()));
        };
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        let trusted = Dir::open(parent).map_err(|error| Error::files(doing(), error))?;
        Ok(Disk::beneath(Arc::new(trusted), Path::new(name)))
    }

    /// A tree some levels below a trusted folder.
    pub fn beneath(trusted: Arc<Dir>, root: &Path) -> Disk {
        Disk {
            trusted,
            root: root.to_path_buf(),
        }
    }

    fn failed(&self, path: &Path) -> impl Fn(files::Error) -> Error + use<> {
        let at = self.trusted.path().join(&self.root).join(path);
        move |error| Error::files(format!("packing {}", at.display()), error)
    }

    fn gone(&self, path: &Path) -> Error {
        let at = self.trusted.path().join(&self.root).join(path);
        Error::new(
            ErrorKind::NotFound,
            format!("packing {}: it is not there", at.display()),
        )
    }
}

impl Tree for Disk {
    fn root(&self) -> Result<Found> {
        let stat = self
            .trusted
            .stat(&self.root)
            .map_err(self.failed(Path::new("")))?;
        stat.as_ref()
            .map(Found::from)
            .ok_or_else(|| self.gone(Path::new("")))
    }

    fn above(&self, levels: usize) -> Result<Option<Found>> {
        let root = self.trusted.path().join(&self.root);
        let Some(path) = root.ancestors().nth(levels).filter(|path| path.has_root()) else {
            return Ok(None);
        };
        let failed = |error| Error::files(format!("looking at {}", path.display()), error);
        let stat = Dir::open(path)
            .and_then(|dir| dir.stat(Path::new("")))
            .map_err(failed)?;
        Ok(stat.as_ref().map(Found::from))
    }

    fn list(&self, path: &Path) -> Result<Vec<(OsString, Found)>> {
        let failed = self.failed(path);
        let dir = self.trusted.dir(&self.root.join(path)).map_err(&failed)?;
        let mut found = Vec::new();
        for entry in dir.entries().map_err(&failed)? {
            let name = Path::new(&entry.name);
            let stat = dir
                .stat(name)
                .map_err(&failed)?
                .ok_or_else(|| self.gone(&path.join(name)))?;
            found.push((entry.name, Found::from(&stat)));
        }
        Ok(found)
    }

    fn link(&self, path: &Path) -> Result<Vec<u8>> {
        let target = self
            .trusted
            .read_link(&self.root.join(path))
            .map_err(self.failed(path))?;
        Ok(std::os::unix::ffi::OsStringExt::into_vec(
            target.into_os_string(),
        ))
    }

    fn content(&self, path: &Path, found: &Found) -> Content {
        Content::Beneath {
            dir: Arc::clone(&self.trusted),
            path: self.root.join(path),
            size: found.size,
        }
    }
}

impl From<&Stat> for Found {
    fn from(stat: &Stat) -> Found {
        Found {
            kind: stat.kind,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            size: stat.size,
            device: stat.rdev,
        }
    }
}
