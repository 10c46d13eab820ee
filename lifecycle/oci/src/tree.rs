//! What files an image has: the tree of one layer, and trees stacked into what a container sees.
//!
//! Only names, sizes and digests of contents are kept. Whiteouts follow image-spec `layer.md`; a link above a path is not followed.

use std::collections::BTreeMap;
use std::io;

use crate::tarball::{self, Header, Kind, Limits};
use crate::{Digest, Error, ErrorKind, Hasher, Layer, Result, decompress, limits};

/// Names in one path; deeper trees are refused, since trees are walked recursively.
const DEPTH: usize = 1024;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Names with this prefix are markers of the storage driver that made the layer, never files.
const MARKER: &[u8] = b".wh..wh.";

/// Files by name. In the tree of one layer, whiteouts are files with their `.wh.` names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    root: Node,
}

/// A file or folder in a tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    file: Option<File>,
    children: BTreeMap<Box<[u8]>, Node>,
}

/// What a layer says about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub kind: Kind,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: i64,
    pub gid: i64,
    /// Bytes; links and folders have none.
    pub size: u64,
    /// Target of a symbolic or hard link, as written.
    pub link: Vec<u8>,
    /// Of the content; `None` for everything but files.
    pub content: Option<Digest>,
    /// Position in the image of the layer it came with, lowest 0.
    pub layer: usize,
}

impl Tree {
    /// Reads the tree of one layer, whose position in the image is `number`. Reads all its bytes, so that they are verified.
    pub fn read(layer: &Layer, number: usize) -> Result<Tree> {
        let doing =
            |error: Error| error.during(format!("reading the files of layer {}", layer.diff_id));
        let blob = &layer.blob;
        let mut tar = decompress(
            &blob.descriptor.media_type,
            blob.open().map_err(doing)?,
            limits::LAYER_BYTES,
        )
        .map_err(doing)?;
        Tree::of_tar(&mut *tar, number).map_err(doing)
    }

    /// The same of an uncompressed tar.
    pub fn of_tar(tar: &mut dyn io::Read, number: usize) -> Result<Tree> {
        let mut tree = Tree::default();
        tarball::read(tar, &Limits::default(), &mut |header, content| {
            let names = names(&header.name)?;
            if !names.is_empty() {
                tree.root.at(&names).file = Some(file(header, content, number)?);
            }
            Ok(())
        })?;
        Ok(tree)
    }

    /// The trees of all layers of an image, lowest first.
    pub fn of_layers(layers: &[Layer]) -> Result<Vec<Tree>> {
        layers
            .iter()
            .enumerate()
            .map(|(number, layer)| Tree::read(layer, number))
            .collect()
    }

    /// Puts a layer's tree on top: its files replace or join what is there, its whiteouts remove.
    pub fn stack(&mut self, layer: &Tree) {
        self.root.stack(&layer.root);
    }

    /// What a container sees of layers, lowest first.
    pub fn stacked(layers: &[Tree]) -> Tree {
        let mut tree = Tree::default();
        for layer in layers {
            tree.stack(layer);
        }
        tree
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The node at a path; the root is the empty path or `/`.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        names(path)
            .ok()?
            .iter()
            .try_fold(&self.root, |node, name| node.children.get(*name))
    }

    /// Calls `each` with every path (absolute, sorted name by name) and node but the root, folders before what is in them.
    pub fn walk(&self, each: &mut dyn FnMut(&[u8], &Node)) {
        self.root.walk(&mut Vec::new(), each);
    }
}

impl Node {
    /// `None` for a folder that no layer mentions, only files in it.
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Sorted by the bytes of their names.
    pub fn children(&self) -> impl ExactSizeIterator<Item = (&[u8], &Node)> {
        self.children.iter().map(|(name, node)| (&**name, node))
    }

    pub fn child(&self, name: &[u8]) -> Option<&Node> {
        self.children.get(name)
    }

    pub fn is_dir(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.kind == Kind::Dir)
    }

    /// Bytes of this and everything below.
    pub fn size(&self) -> u64 {
        let own = self.file.as_ref().map_or(0, |file| file.size);
        self.children
            .values()
            .map(Node::size)
            .fold(own, u64::saturating_add)
    }

    fn at(&mut self, names: &[&[u8]]) -> &mut Node {
        names.iter().fold(self, |node, name| {
            node.children.entry((*name).into()).or_default()
        })
    }

    /// Whiteouts of a layer work on the layers below only, so they go first, whatever their place in the tar.
    fn stack(&mut self, layer: &Node) {
        if layer.children.contains_key(OPAQUE) {
            self.children.clear();
        }
        for name in layer.children.keys() {
            if let Some(hidden) = name
                .strip_prefix(WHITEOUT)
                .filter(|_| !name.starts_with(MARKER))
            {
                self.children.remove(hidden);
            }
        }
        for (name, above) in layer
            .children
            .iter()
            .filter(|(name, _)| !name.starts_with(WHITEOUT))
        {
            let below = self.children.entry(name.clone()).or_default();
            if !above.is_dir() || !below.is_dir() {
                *below = Node::default();
            }
            if above.file.is_some() {
                below.file.clone_from(&above.file);
            }
            below.stack(above);
        }
    }

    fn walk(&self, path: &mut Vec<u8>, each: &mut dyn FnMut(&[u8], &Node)) {
        let above = path.len();
        for (name, node) in &self.children {
            path.push(b'/');
            path.extend_from_slice(name);
            each(path, node);
            node.walk(path, each);
            path.truncate(above);
        }
    }
}

/// The names in a path of an image; `.` is nothing, `..` goes up but never out.
pub(crate) fn names(path: &[u8]) -> Result<Vec<&[u8]>> {
    let mut names = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    if names.len() > DEPTH {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("reading a path of more than {DEPTH} names"),
        ));
    }
    Ok(names)
}

fn file(header: &Header, content: &mut dyn io::Read, layer: usize) -> Result<File> {
    let is_file = header.kind == Kind::File;
    let mut hasher = Hasher::new();
    if is_file {
        io::copy(content, &mut hasher)
            .map_err(|error| Error::io("reading a file of the layer", error))?;
    }
    Ok(File {
        kind: header.kind,
        mode: u32::try_from(header.mode & 0o7777).unwrap_or(0),
        uid: header.uid,
        gid: header.gid,
        size: hasher.size(),
        link: header.link.clone(),
        content: is_file.then(|| hasher.finish()),
        layer,
    })
}

#[cfg(test)]
mod tests;
