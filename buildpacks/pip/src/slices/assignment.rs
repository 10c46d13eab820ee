//! Which piece, a distribution as a rule, goes into which layer. It follows from names and sizes alone, so that a changed
//! version of one leaves the others where they are.

use std::collections::BTreeMap;

/// Pieces with a layer of their own, at most. An image has at most 40 layers (older podman cannot mount more than about 50,
/// docker 127). 16 with packages (these and [`MERGED`]), the venv, two of our other buildpacks, bill of materials,
/// application, launcher, its configuration and process types make 24; our base has 7, and 9 are left to larger bases and
/// other buildpacks.
pub(super) const OWN: usize = 12;
/// Layers that smaller pieces share.
const MERGED: u32 = 4;
/// Nothing smaller has a layer of its own, however few there are: each layer is a request more for whoever pulls.
pub(super) const LARGE_BYTES: u64 = 1 << 20;

/// The layer of every piece by name; given is how large they are.
///
/// Large ones have a layer each. When more than [`OWN`] are large, the bound is doubled until they are not, so that it moves
/// seldom and the ranks of two that are almost equal do not matter. Which layer smaller ones share follows from their names.
pub(super) fn assign(sizes: &BTreeMap<String, u64>) -> BTreeMap<String, String> {
    let large = bound(sizes);
    let layer = |name: &str, bytes: u64| {
        if bytes >= large {
            format!("package-{name}")
        } else {
            format!("packages-{}", shared(name))
        }
    };
    sizes
        .iter()
        .map(|(name, bytes)| (name.clone(), layer(name, *bytes)))
        .collect()
}

fn bound(sizes: &BTreeMap<String, u64>) -> u64 {
    let mut large = LARGE_BYTES;
    while sizes.values().filter(|bytes| **bytes >= large).count() > OWN {
        large = large.saturating_mul(2);
    }
    large
}

fn shared(name: &str) -> u32 {
    let digit = toolkit::sha256(name.as_bytes()).chars().next();
    digit.and_then(|digit| digit.to_digit(16)).unwrap_or(0) % MERGED
}
