//! A directory and those above it as entries, in Go's order (TA-1, TA-3).

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::Kind;

use super::tree::node;
use super::{Disk, Entry, Found, Node, Owners, Packed, Stamp, Tree, pack};
use crate::{ErrorKind, Layer, Result, Store};

/// Packs a directory into a layer, as it will appear at the absolute path `at` in the image.
///
/// Entries are in byte order of their names, each directory before what is in it; the directories above `at` come first.
/// Sockets are left out and named in the result. The blob is in `into` on return; on failure nothing is.
/// A tree that changes while it is packed is packed once more, then it is `Changed`.
pub fn directory(dir: &Path, at: &Path, stamp: &Stamp, into: &Arc<dyn Store>) -> Result<Packed> {
    directory_from(&Disk::open(dir)?, at, stamp, into)
}

/// As [`directory`], for any tree.
pub fn directory_from(
    tree: &dyn Tree,
    at: &Path,
    stamp: &Stamp,
    into: &Arc<dyn Store>,
) -> Result<Packed> {
    let once = || {
        let mut walk = directory_of(tree, at, stamp)?;
        let layer = pack(&mut walk, into)?;
        Ok(Packed {
            layer,
            skipped: walk.skipped,
        })
    };
    unless_changed(once)
}

/// Tries again once when a file changed while it was read, or was gone after its name had been read.
pub(crate) fn unless_changed<T>(work: impl Fn() -> Result<T>) -> Result<T> {
    match work() {
        Err(error) if error.kind() == ErrorKind::Changed => work(),
        result => result,
    }
}

/// The entries of [`directory`] one by one.
pub fn directory_of<'a>(tree: &'a dyn Tree, at: &'a Path, stamp: &'a Stamp) -> Result<Walk<'a>> {
    let mut first = above(tree, at, stamp)?;
    first.reverse();
    Ok(Walk {
        tree,
        at,
        stamp,
        above: first,
        root: Some(tree.root()?),
        levels: Vec::new(),
        skipped: Vec::new(),
    })
}

/// Iterator over the entries of a directory; memory is one listing per level.
pub struct Walk<'a> {
    tree: &'a dyn Tree,
    at: &'a Path,
    stamp: &'a Stamp,
    /// Innermost first.
    above: Vec<Entry>,
    root: Option<Found>,
    levels: Vec<Level>,
    /// Sockets so far: absolute paths in the image.
    pub skipped: Vec<Vec<u8>>,
}

struct Level {
    path: PathBuf,
    rest: std::vec::IntoIter<(OsString, Found)>,
}

impl Walk<'_> {
    fn step(&mut self) -> Result<Option<Entry>> {
        if let Some(entry) = self.above.pop() {
            return Ok(Some(entry));
        }
        if let Some(root) = self.root.take() {
            return self.visit(PathBuf::new(), &root);
        }
        while let Some(level) = self.levels.last_mut() {
            if let Some((name, found)) = level.rest.next() {
                let path = level.path.join(name);
                if let Some(entry) = self.visit(path, &found)? {
                    return Ok(Some(entry));
                }
            } else {
                self.levels.pop();
            }
        }
        Ok(None)
    }

    fn visit(&mut self, path: PathBuf, found: &Found) -> Result<Option<Entry>> {
        let entry = entry(self.tree, self.at, &path, found, self.stamp)?;
        if entry.is_none() {
            self.skipped.push(in_image(self.at, &path));
        }
        if found.kind == Kind::Dir {
            let rest = self.tree.list(&path)?.into_iter();
            self.levels.push(Level { path, rest });
        }
        Ok(entry)
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        self.step().transpose()
    }
}

/// The directories above `at`, outermost first, without `/`.
pub(crate) fn above(tree: &dyn Tree, at: &Path, stamp: &Stamp) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (levels, dir) in at.ancestors().enumerate().skip(1) {
        if dir.parent().is_none() {
            break;
        }
        let (mode, uid, gid) = match stamp.owners {
            Owners::Written { uid, gid } => (0o755, uid, gid),
            Owners::FromDisk { .. } => tree
                .above(levels)?
                .map_or((0o755, 0, 0), |dir| (dir.mode, dir.uid, dir.gid)),
        };
        let path = dir.as_os_str().as_bytes().to_vec();
        entries.push(Entry {
            path,
            node: Node::Dir,
            mode,
            uid,
            gid,
            mtime: stamp.mtime,
        });
    }
    entries.reverse();
    Ok(entries)
}

/// The entry of a file; `None` for a socket.
pub(crate) fn entry(
    tree: &dyn Tree,
    at: &Path,
    path: &Path,
    found: &Found,
    stamp: &Stamp,
) -> Result<Option<Entry>> {
    let (uid, gid) = stamp.owners.ids();
    let entry = |node| Entry {
        path: in_image(at, path),
        node,
        mode: found.mode,
        uid,
        gid,
        mtime: stamp.mtime,
    };
    Ok(node(tree, path, found)?.map(entry))
}

pub(crate) fn in_image(at: &Path, path: &Path) -> Vec<u8> {
    if path.as_os_str().is_empty() {
        at.to_path_buf()
    } else {
        at.join(path)
    }
    .into_os_string()
    .into_vec()
}

impl Layer {
    /// Packs a directory into a layer, as it will appear at the absolute path `at` in the image.
    ///
    /// As [`tarball::directory`](directory), which also tells which sockets were left out.
    ///
    /// Spec: platform.md, exporter outputs, "To ensure build reproducibility"; bytes as in the golden vectors.
    pub fn pack(dir: &Path, at: &Path, stamp: &Stamp, into: &Arc<dyn Store>) -> Result<Layer> {
        directory(dir, at, stamp, into).map(|packed| packed.layer)
    }
}
