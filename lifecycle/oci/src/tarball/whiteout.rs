//! Deletions between layers: `.wh.` names in tars, and what they become on a disk.

/// What to do with the deletions that a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteouts {
    /// Markers for overlayfs: character device 0:0, `user.overlay.opaque`.
    Overlay,
    /// Remove what earlier layers left in the same directory.
    Apply,
    /// Fail: the tar is no layer.
    Refuse,
}
