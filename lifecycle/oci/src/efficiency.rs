//! How much of an image is there more than once, by dive's formula.
//!
//! Score: the sum over all paths of their smallest size, through the sum of all their sizes. Only leaves of each layer's tree
//! count; a whiteout counts as its path, with the bytes below it when it removes a folder and none when it removes a file.
//! Unlike dive, a whiteout of something that is not there does not end the analysis of its layer.

use std::collections::BTreeMap;

use crate::tree::{Node, Tree};

const WHITEOUT: &[u8] = b".wh.";
const MARKER: &[u8] = b".wh..wh.";

/// The result. Sizes are bytes of uncompressed files.
#[derive(Debug, Clone, PartialEq)]
pub struct Efficiency {
    /// 1 when nothing is there twice.
    pub score: f64,
    pub size_bytes: u64,
    /// Of all layers above the base.
    pub user_bytes: u64,
    /// All sizes of all paths that are there more than once.
    pub wasted_bytes: u64,
    /// Wasted through user bytes; 0 when there are no user bytes.
    pub wasted_share: f64,
    /// Paths that are there more than once, largest first.
    pub wasted: Vec<Wasted>,
}

/// A path that is in several layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wasted {
    /// Absolute.
    pub path: Vec<u8>,
    /// Layers it is in, whiteouts included.
    pub count: usize,
    /// Of all of them together.
    pub bytes: u64,
}

#[derive(Default)]
struct Seen {
    count: usize,
    bytes: u64,
    smallest: u64,
}

/// Analyses layers, lowest first, of which the lowest `base` are the run image's (dive always takes 1).
pub fn efficiency(layers: &[Tree], base: usize) -> Efficiency {
    let mut seen: BTreeMap<Vec<u8>, Seen> = BTreeMap::new();
    let mut below = Stack::default();
    for layer in layers {
        each_leaf(layer.root(), &mut Vec::new(), &mut |path, hides, node| {
            let bytes = if hides {
                below.bytes_at(path)
            } else {
                node.file().map_or(0, |file| file.size)
            };
            let seen = seen.entry(path.to_vec()).or_default();
            seen.smallest = if seen.count == 0 {
                bytes
            } else {
                seen.smallest.min(bytes)
            };
            seen.count += 1;
            seen.bytes = seen.bytes.saturating_add(bytes);
        });
        below.stack(layer.root());
    }
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
    let user = layers.get(base..).unwrap_or_default();
    let size_bytes = sum(&mut layers.iter().map(|layer| layer.root().size()));
    let user_bytes = sum(&mut user.iter().map(|layer| layer.root().size()));
    let found = sum(&mut seen.values().map(|seen| seen.bytes));
    let needed = sum(&mut seen.values().map(|seen| seen.smallest));
    let wasted = wasted(seen);
    let wasted_bytes = sum(&mut wasted.iter().map(|wasted| wasted.bytes));
    Efficiency {
        score: if found == 0 {
            1.0
        } else {
            share(needed, found)
        },
        size_bytes,
        user_bytes,
        wasted_bytes,
        wasted_share: if user_bytes == 0 {
            0.0
        } else {
            share(wasted_bytes, user_bytes)
        },
        wasted,
    }
}

fn wasted(seen: BTreeMap<Vec<u8>, Seen>) -> Vec<Wasted> {
    let twice = seen.into_iter().filter(|(_, seen)| seen.count > 1);
    let mut wasted: Vec<Wasted> = twice
        .map(|(path, seen)| Wasted {
            path,
            count: seen.count,
            bytes: seen.bytes,
        })
        .collect();
    wasted.sort_by(|one, other| {
        other
            .bytes
            .cmp(&one.bytes)
            .then_with(|| one.path.cmp(&other.path))
    });
    wasted
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a share of byte counts; dive rounds the same way"
)]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Calls `each` with path, whether it is a whiteout of that path, and node of every leaf.
fn each_leaf(node: &Node, path: &mut Vec<u8>, each: &mut dyn FnMut(&[u8], bool, &Node)) {
    let above = path.len();
    for (name, child) in node
        .children()
        .filter(|(name, _)| !name.starts_with(MARKER))
    {
        path.push(b'/');
        path.extend_from_slice(name);
        each_leaf(child, path, each);
        if child.children().all(|(name, _)| name.starts_with(MARKER)) {
            let hidden = name.strip_prefix(WHITEOUT);
            path.truncate(above + 1);
            path.extend_from_slice(hidden.unwrap_or(name));
            each(path, hidden.is_some(), child);
        }
        path.truncate(above);
    }
}

/// Layers stacked as dive does it: whiteouts remove one path, opaque folders and files in the place of folders remove nothing.
#[derive(Default)]
struct Stack {
    bytes: u64,
    /// False also for folders that no layer mentions.
    is_dir: bool,
    children: BTreeMap<Box<[u8]>, Stack>,
}

impl Stack {
    fn stack(&mut self, layer: &Node) {
        for (name, above) in layer
            .children()
            .filter(|(name, _)| !name.starts_with(MARKER))
        {
            if let Some(hidden) = name.strip_prefix(WHITEOUT) {
                self.children.remove(hidden);
                continue;
            }
            let below = self.children.entry(name.into()).or_default();
            below.stack(above);
            below.bytes = above.file().map_or(0, |file| file.size);
            below.is_dir = above.file().is_some() && above.is_dir();
        }
    }

    /// Bytes below a folder; none for anything else.
    fn bytes_at(&self, path: &[u8]) -> u64 {
        let mut names = path
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty());
        let found = names.try_fold(self, |stack, name| stack.children.get(name));
        found.filter(|stack| stack.is_dir).map_or(0, Stack::size)
    }

    fn size(&self) -> u64 {
        self.children
            .values()
            .map(Stack::size)
            .fold(self.bytes, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests;
