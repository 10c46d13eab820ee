//! The Merkle tree over the entries of an index. It is stored nowhere: the entries give it.
//!
//! Nodes end where the hashes of their items say so. A change in one place therefore changes one leaf and the nodes above it, and
//! two blobs with the same run of chunks share the nodes of that run.

/// Bytes of an item, of which the first 32 are a hash: an entry of the index, or a child.
pub(super) const ITEM: usize = 38;
/// How many items a node has; the last of a level may have fewer.
const ITEMS_MIN: usize = 8;
const ITEMS_MAX: usize = 128;
/// What is hashed in front of the items, so that no leaf can pass for an inner node.
const LEAF: u8 = 0;
const INNER: u8 = 1;

pub(super) struct Tree {
    pub root: [u8; 32],
    /// 1 when the only leaf is the root.
    pub depth: u32,
}

/// The tree over entries that stand one behind the other.
pub(super) fn of(entries: &[u8]) -> Tree {
    let mut level = parents(entries, LEAF);
    let mut depth = 1;
    while level.len() > ITEM {
        level = parents(&level, INNER);
        depth += 1;
    }
    let mut root = [0; 32];
    root.copy_from_slice(&level[..32]);
    Tree { root, depth }
}

/// The items of the level above: of each node its hash and the bytes of all segments below it.
fn parents(items: &[u8], domain: u8) -> Vec<u8> {
    let mut parents = Vec::new();
    let mut rest = items;
    loop {
        let (node, later) = rest.split_at(node_bytes(rest));
        parents.extend_from_slice(&hash(domain, node));
        parents.extend_from_slice(&segment_bytes(domain, node).to_le_bytes()[..6]);
        rest = later;
        if rest.is_empty() {
            return parents;
        }
    }
}

/// A node ends behind an item whose hash has five low zeros in its last byte, unless it would be too small.
fn node_bytes(items: &[u8]) -> usize {
    let items = &items[..items.len().min(ITEMS_MAX * ITEM)];
    items
        .chunks_exact(ITEM)
        .enumerate()
        .position(|(before, item)| before + 1 >= ITEMS_MIN && item[31].is_multiple_of(32))
        .map_or(items.len(), |last| (last + 1) * ITEM)
}

fn hash(domain: u8, node: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[domain]).update(node);
    *hasher.finalize().as_bytes()
}

/// In an entry the last three bytes are the length of the segment, in an inner item the last six are the sum below it.
fn segment_bytes(domain: u8, node: &[u8]) -> u64 {
    let number = if domain == LEAF { 35 } else { 32 };
    node.chunks_exact(ITEM)
        .map(|item| {
            let mut bytes = [0; 8];
            bytes[..ITEM - number].copy_from_slice(&item[number..]);
            u64::from_le_bytes(bytes)
        })
        .sum()
}

/// The hashes of the leaves.
#[cfg(test)]
pub(super) fn hashes(entries: &[u8]) -> Vec<Vec<u8>> {
    let leaves = parents(entries, LEAF);
    leaves
        .chunks_exact(ITEM)
        .map(|leaf| leaf[..32].to_vec())
        .collect()
}
