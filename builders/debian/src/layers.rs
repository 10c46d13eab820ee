//! The tree as layers: one per group of sources, so that an update of one source changes one layer.
//!
//! Folders are in every layer that has something below them, always with the same owner and mode. What we generated is in
//! the last layer, unless it travels with a package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use oci::tarball::{self, Content, Entry, NORMALIZED_MTIME};

use crate::error::{Error, ErrorKind, Result};
use crate::glob::Patterns;
use crate::recipe::{Kind, Recipe};
use crate::tree::{Kind as NodeKind, Node, Tree, as_path};

/// What a layer will hold: paths, in order.
pub(crate) struct Group<'a> {
    pub(crate) name: String,
    paths: BTreeSet<&'a [u8]>,
}

/// Name of the layer with what is in no other.
const REST: &str = "libs";
/// Name of the layer with what we generated.
const TOP: &str = "system";

/// Groups that have something in them, lowest first.
pub(crate) fn groups<'a>(tree: &'a Tree, recipe: &Recipe, kind: Kind) -> Result<Vec<Group<'a>>> {
    let keeps = Keeps::new(tree, recipe, kind)?;
    let mut groups: Vec<Group<'a>> = recipe
        .layer
        .iter()
        .map(|rule| rule.name.as_str())
        .chain([REST, TOP])
        .map(|name| Group {
            name: name.to_owned(),
            paths: BTreeSet::new(),
        })
        .collect();
    let rest = recipe.layer.len();
    for (path, node) in &tree.nodes {
        if !keeps.keeps(path, node) {
            continue;
        }
        let index = match node.package {
            Some(package) => layer_of(tree, recipe, package).unwrap_or(rest),
            None => rest + 1,
        };
        if let Some(group) = groups.get_mut(index) {
            group.add(path);
        }
    }
    groups.retain(|group| !group.paths.is_empty());
    Ok(groups)
}

fn layer_of(tree: &Tree, recipe: &Recipe, package: usize) -> Option<usize> {
    let package = tree.packages.get(package)?;
    let source = format!("src:{}", package.source);
    recipe
        .layer
        .iter()
        .position(|rule| rule.packages.contains(&package.name) || rule.packages.contains(&source))
}

impl<'a> Group<'a> {
    /// Adds a path and the folders it lies in.
    fn add(&mut self, path: &'a [u8]) {
        let mut end = path.len();
        while let Some(part) = path.get(..end).filter(|part| !part.is_empty()) {
            if !self.paths.insert(part) {
                return;
            }
            end = part.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        }
    }

    /// Writes the layer. Every entry has the time stamp of buildpack images.
    pub(crate) fn pack(&self, tree: &Tree, store: &Arc<dyn oci::Store>) -> Result<oci::Layer> {
        let leaders = self.leaders(tree);
        let mut entries = self.paths.iter().filter_map(|path| {
            let node = tree.nodes.get(*path)?;
            Some(Ok(entry(tree, path, node, &leaders)))
        });
        tarball::pack(&mut entries, store).map_err(|error| {
            Error::new(
                ErrorKind::Storage,
                format!("packing the layer {}", self.name),
            )
            .because(error)
        })
    }

    /// File with several names → the first of them, which is where its bytes stand in the tar.
    fn leaders(&self, tree: &'a Tree) -> BTreeMap<&'a [u8], &'a [u8]> {
        let mut leaders: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for path in &self.paths {
            if let Some((
                path,
                Node {
                    kind: NodeKind::Hardlink(target),
                    ..
                },
            )) = tree.nodes.get_key_value(*path)
            {
                let first = match self.paths.get(target.as_slice()) {
                    Some(target) => path.as_slice().min(target),
                    None => path.as_slice(),
                };
                let leader = leaders.entry(target).or_insert(first);
                *leader = first.min(*leader);
            }
        }
        leaders
    }
}

fn entry(tree: &Tree, path: &[u8], node: &Node, leaders: &BTreeMap<&[u8], &[u8]>) -> Entry {
    let file = |size| {
        tarball::Node::File(Content::Beneath {
            dir: Arc::clone(&tree.root),
            path: PathBuf::from(as_path(path)),
            size,
        })
    };
    // A further name has owner and mode of the file itself.
    let (name, meant) = match &node.kind {
        NodeKind::Hardlink(target) => (target.as_slice(), tree.nodes.get(target).unwrap_or(node)),
        _ => (path, node),
    };
    let content = match (&meant.kind, leaders.get(name)) {
        (NodeKind::Dir, _) => tarball::Node::Dir,
        (NodeKind::Symlink(target), _) => tarball::Node::Symlink(target.clone()),
        (_, Some(leader)) if *leader != path => tarball::Node::Hardlink(absolute(leader)),
        (NodeKind::File(size), _) => file(*size),
        (NodeKind::Hardlink(_), _) => file(0),
    };
    Entry {
        path: absolute(path),
        node: content,
        mode: meant.mode,
        uid: meant.uid,
        gid: meant.gid,
        mtime: NORMALIZED_MTIME,
    }
}

fn absolute(path: &[u8]) -> Vec<u8> {
    [b"/", path].concat()
}

/// Which nodes are in the image.
struct Keeps {
    /// What only our rules read.
    hidden: Patterns,
    always: Patterns,
    slices: BTreeMap<usize, Patterns>,
}

impl Keeps {
    /// Build images have everything that was unpacked.
    fn new(tree: &Tree, recipe: &Recipe, kind: Kind) -> Result<Keeps> {
        let mut keeps = Keeps {
            hidden: Patterns::default(),
            always: Patterns::new(["usr/share/doc/*/copyright", "var/lib/dpkg/status.d/*"])?,
            slices: BTreeMap::new(),
        };
        if kind == Kind::Run {
            keeps.hidden = Patterns::new(recipe.drop.run.iter().map(String::as_str))?;
            for (name, slice) in &recipe.slice {
                if let Some(package) = tree.package(name) {
                    let only = Patterns::new(slice.only.iter().map(String::as_str))?;
                    keeps.slices.insert(package, only);
                }
            }
        }
        Ok(keeps)
    }

    fn keeps(&self, path: &[u8], node: &Node) -> bool {
        let slice = node.package.and_then(|package| self.slices.get(&package));
        !self.hidden.matches(path)
            && slice.is_none_or(|only| only.matches(path) || self.always.matches(path))
    }
}
