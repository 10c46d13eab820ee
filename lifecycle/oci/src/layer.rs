//! A filesystem change in an image.

use crate::{Blob, Digest};

/// A tar file of additions and deletions; both of its digests are known from birth.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// The tar as it is stored, usually compressed.
    pub blob: Blob,
}
