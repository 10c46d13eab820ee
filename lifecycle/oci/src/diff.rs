//! Two trees compared: two images, or an image before and after one of its layers.

use crate::tree::{File, Node, Tree};

/// One path that is not the same in both trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute.
    pub path: Vec<u8>,
    pub what: What,
}

/// Folders that no layer mentions count as nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Added(File),
    Removed(File),
    Changed { old: File, new: File },
}

/// Compares what files are, whatever layer they came with; sorted name by name, folders before what is in them.
pub fn diff(old: &Tree, new: &Tree) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(
        Some(old.root()),
        Some(new.root()),
        &mut Vec::new(),
        &mut changes,
    );
    changes
}

fn compare(old: Option<&Node>, new: Option<&Node>, path: &mut Vec<u8>, changes: &mut Vec<Change>) {
    let what = match (old.and_then(Node::file), new.and_then(Node::file)) {
        (None, Some(new)) => Some(What::Added(new.clone())),
        (Some(old), None) => Some(What::Removed(old.clone())),
        (Some(old), Some(new)) if !same(old, new) => Some(What::Changed {
            old: old.clone(),
            new: new.clone(),
        }),
        _ => None,
    };
    changes.extend(what.map(|what| Change {
        path: path.clone(),
        what,
    }));
    let mut names: Vec<&[u8]> = [old, new]
        .into_iter()
        .flatten()
        .flat_map(|node| node.children().map(|(name, _)| name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let above = path.len();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name);
        compare(
            old.and_then(|node| node.child(name)),
            new.and_then(|node| node.child(name)),
            path,
            changes,
        );
        path.truncate(above);
    }
}

fn same(old: &File, new: &File) -> bool {
    File {
        layer: 0,
        ..old.clone()
    } == File {
        layer: 0,
        ..new.clone()
    }
}

#[cfg(test)]
mod tests;
