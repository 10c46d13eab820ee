//! The files of an image before they are layers: what they are in memory, their bytes in a folder.
//!
//! Paths are relative, without `.` or `..`, as bytes. The folder holds plain files, folders and links of ours, so that a
//! program of the image can run in it; owners and modes of the image are in memory only.

mod unpack;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use files::Dir;

use crate::control::Paragraph;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;

pub(crate) use unpack::{Filter, order};

/// What will be in an image.
pub(crate) struct Tree {
    /// Where the bytes are.
    pub(crate) root: Arc<Dir>,
    pub(crate) nodes: BTreeMap<Vec<u8>, Node>,
    /// In the order they were unpacked.
    pub(crate) packages: Vec<Unpacked>,
}

/// One file of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Index into `packages`; `None` for what we made ourselves.
    pub(crate) package: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Dir,
    /// Size in bytes.
    File(u64),
    Symlink(Vec<u8>),
    /// Path of another file of the same package.
    Hardlink(Vec<u8>),
}

/// A package as it was unpacked.
pub(crate) struct Unpacked {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) control: Paragraph,
    /// Control files by name.
    pub(crate) scripts: BTreeMap<String, Vec<u8>>,
    /// Every path it ships, also those that were dropped, in its own order.
    pub(crate) paths: Vec<Vec<u8>>,
}

impl Tree {
    /// An empty tree whose bytes will lie in an empty folder.
    pub(crate) fn new(folder: &Path) -> Result<Tree> {
        let root = Dir::open(folder).map_err(failed)?;
        Ok(Tree {
            root: Arc::new(root),
            nodes: BTreeMap::new(),
            packages: Vec::new(),
        })
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path.as_bytes())
    }

    pub(crate) fn package(&self, name: &str) -> Option<usize> {
        self.packages
            .iter()
            .position(|package| package.name == name)
    }

    /// Paths below a folder, sorted.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = (&[u8], &Node)> {
        let prefix = format!("{folder}/").into_bytes();
        let start = prefix.clone();
        self.nodes
            .range(start..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, node)| (path.as_slice(), node))
    }

    /// The bytes of a regular file; `None` when there is none at that path.
    pub(crate) fn read(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.nodes.get(path).map(|node| &node.kind) {
            Some(Kind::File(_) | Kind::Hardlink(_)) => self
                .root
                .read(as_path(path), limits::RULE_BYTES)
                .map_err(failed),
            _ => Ok(None),
        }
    }

    /// As [`Tree::read`], as text; absent is empty.
    pub(crate) fn text(&self, path: &str) -> Result<String> {
        let bytes = self.read(path.as_bytes())?.unwrap_or_default();
        String::from_utf8(bytes)
            .map_err(|error| Error::malformed(format!("reading {path}")).because(error))
    }

    /// Makes a folder and those it lies in, or changes what a folder is.
    pub(crate) fn add_dir(&mut self, path: &str, mode: u32, uid: u32, gid: u32) -> Result<()> {
        let known = self.nodes.get_mut(path.as_bytes());
        if let Some(node) = known.filter(|node| node.kind == Kind::Dir) {
            (node.mode, node.uid, node.gid) = (mode, uid, gid);
            return Ok(());
        }
        self.clear(path.as_bytes())?;
        let node = Node {
            kind: Kind::Dir,
            mode,
            uid,
            gid,
            package: None,
        };
        self.put_dir(path.as_bytes(), node)
    }

    /// Makes or replaces a file of root.
    pub(crate) fn add_file(&mut self, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
        self.add_owned_file(path.as_bytes(), bytes, mode, (0, 0), None)
    }

    /// Makes or replaces a file that travels with a package.
    pub(crate) fn add_owned_file(
        &mut self,
        path: &[u8],
        bytes: &[u8],
        mode: u32,
        (uid, gid): (u32, u32),
        package: Option<usize>,
    ) -> Result<()> {
        self.clear(path)?;
        let node = Node {
            kind: Kind::File(0),
            mode,
            uid,
            gid,
            package,
        };
        self.put_file(path, node, &mut &*bytes)
    }

    /// Makes or replaces a symbolic link.
    pub(crate) fn add_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.clear(path.as_bytes())?;
        let kind = Kind::Symlink(target.as_bytes().to_vec());
        let node = Node {
            kind,
            mode: 0o777,
            uid: 0,
            gid: 0,
            package: None,
        };
        self.put_link(path.as_bytes(), node)
    }

    /// Takes over files that a program has written below a folder.
    pub(crate) fn adopt(&mut self, path: &[u8], package: Option<usize>) -> Result<()> {
        let stat = self.root.stat(as_path(path)).map_err(failed)?;
        let Some(stat) =
            stat.filter(|stat| matches!(stat.kind, files::Kind::File | files::Kind::Dir))
        else {
            return Err(Error::new(
                ErrorKind::Interpreter,
                format!("{} is no file", shown(path)),
            ));
        };
        let (kind, mode) = match stat.kind {
            files::Kind::Dir => (Kind::Dir, 0o755),
            _ => (Kind::File(stat.size), 0o644),
        };
        let node = Node {
            kind,
            mode,
            uid: 0,
            gid: 0,
            package,
        };
        self.nodes.insert(path.to_vec(), node);
        Ok(())
    }

    /// Removes whatever is there, unless it is a folder that shall become a folder.
    fn clear(&mut self, path: &[u8]) -> Result<()> {
        let Some(node) = self.nodes.get(path) else {
            return Ok(());
        };
        if node.kind == Kind::Dir {
            if self.below(&String::from_utf8_lossy(path)).next().is_some() {
                return Err(Error::malformed(format!(
                    "replacing the folder {}",
                    shown(path)
                )));
            }
            self.root.remove_tree(as_path(path)).map_err(failed)?;
        } else {
            self.root.remove_file(as_path(path)).map_err(failed)?;
        }
        self.nodes.remove(path);
        Ok(())
    }

    fn put_dir(&mut self, path: &[u8], node: Node) -> Result<()> {
        self.put_parents(path, node.package)?;
        // On disk everything is ours to write; what the image shall have is in the node.
        self.root
            .create_dir_all(as_path(path), 0o755)
            .map_err(failed)?;
        self.nodes.insert(path.to_vec(), node);
        Ok(())
    }

    fn put_file(&mut self, path: &[u8], mut node: Node, content: &mut dyn Read) -> Result<()> {
        self.put_parents(path, node.package)?;
        let mode = if node.mode & 0o111 == 0 { 0o644 } else { 0o755 };
        let mut file = self.root.create_file(as_path(path), mode).map_err(failed)?;
        let writing = |error| {
            Error::new(ErrorKind::Storage, format!("writing {}", shown(path))).because(error)
        };
        let size = std::io::copy(content, &mut file).map_err(writing)?;
        file.flush().map_err(writing)?;
        node.kind = Kind::File(size);
        self.nodes.insert(path.to_vec(), node);
        Ok(())
    }

    fn put_link(&mut self, path: &[u8], node: Node) -> Result<()> {
        self.put_parents(path, node.package)?;
        let made = match &node.kind {
            Kind::Symlink(target) => self.root.symlink(as_path(target), as_path(path)),
            Kind::Hardlink(target) => self.root.hard_link(as_path(target), as_path(path)),
            _ => Ok(()),
        };
        made.map_err(failed)?;
        self.nodes.insert(path.to_vec(), node);
        Ok(())
    }

    /// Folders that nobody shipped are plain ones; anything but a folder on the way is refused.
    fn put_parents(&mut self, path: &[u8], package: Option<usize>) -> Result<()> {
        let ends: Vec<usize> = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(index, _)| index)
            .collect();
        for end in ends {
            let parent = path.get(..end).unwrap_or_default();
            match self.nodes.get(parent).map(|node| &node.kind) {
                Some(Kind::Dir) => {}
                Some(_) => {
                    return Err(Error::malformed(format!(
                        "{} would be written through {}",
                        shown(path),
                        shown(parent)
                    )));
                }
                None => {
                    self.root
                        .create_dir_all(as_path(parent), 0o755)
                        .map_err(failed)?;
                    let node = Node {
                        kind: Kind::Dir,
                        mode: 0o755,
                        uid: 0,
                        gid: 0,
                        package,
                    };
                    self.nodes.insert(parent.to_vec(), node);
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn as_path(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

pub(crate) fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

pub(crate) fn failed(error: files::Error) -> Error {
    let kind = match error.kind() {
        files::ErrorKind::Escapes | files::ErrorKind::NotRegular | files::ErrorKind::TooLarge => {
            ErrorKind::Malformed
        }
        _ => ErrorKind::Storage,
    };
    Error::new(kind, error.to_string()).because(error)
}

/// Paths of a package, for the package database: with a leading slash, folders and all.
pub(crate) fn listed(package: &Unpacked) -> BTreeSet<String> {
    let paths = package.paths.iter().map(|path| shown(path));
    std::iter::once("/.".to_owned()).chain(paths).collect()
}
