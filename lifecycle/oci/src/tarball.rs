//! Layers as tar files: written exactly as Go's `archive/tar` writes them, read with our own interpreter.
//!
//! [`directory`], [`slices`], [`links`] and [`single`] compose entries, [`pack`] makes a [`Layer`](crate::Layer) of them in one
//! pass on all cores, [`rewrite`] normalises a foreign tar. [`read`] interprets, [`unpack`] writes below a directory.
//! Spec: platform.md, exporter outputs; requirements TA-1 to TA-7.

mod compose;
mod glob;
mod header;
mod lexical;
mod pack;
mod read;
mod rewrite;
mod slices;
mod tree;
mod unpack;
mod walk;
mod whiteout;

use std::path::PathBuf;
use std::sync::Arc;

pub use compose::{links, parents, single};
pub use header::{Format, Header, Kind, Time, header};
pub use pack::{Packed, pack};
pub(crate) use read::Reader;
pub use read::{Limits, read};
pub use rewrite::rewrite;
pub use slices::{Sliced, slices, slices_from, slices_of};
pub use tree::{Disk, Found, Tree};
pub use unpack::{Device, Recorded, Summary, Unpack, unpack};
pub use walk::{Walk, directory, directory_from, directory_of};
pub use whiteout::Whiteouts;

/// Modification time of every entry unless `SOURCE_DATE_EPOCH` says otherwise: 1980-01-01T00:00:01Z.
pub const NORMALIZED_MTIME: i64 = 315_532_801;

/// Raised when [`pack`] makes other blobs of the same entries: whoever remembers packed layers asks for it.
pub const PACKING: u32 = 1;

/// What every entry of a layer gets, whatever the disk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970.
    pub mtime: i64,
    pub owners: Owners,
}

/// Whose the entries of a layer are (`docs/design/decisions.md` 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// As Go does: directories above the layer with owner and mode from disk, the rest with these.
    FromDisk { uid: u32, gid: u32 },
    /// Everything with these; directories above the layer 0755.
    Written { uid: u32, gid: u32 },
}

impl Owners {
    /// Owner of everything from the packed directory downwards.
    pub fn ids(self) -> (u32, u32) {
        match self {
            Owners::FromDisk { uid, gid } | Owners::Written { uid, gid } => (uid, gid),
        }
    }
}

/// One file of a layer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Absolute in the image, written as it is.
    pub path: Vec<u8>,
    pub node: Node,
    /// Permissions with set-id and sticky bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
}

/// What a file of a layer is.
#[derive(Debug, Clone)]
pub enum Node {
    Dir,
    File(Content),
    Symlink(Vec<u8>),
    /// Path of an earlier entry.
    Hardlink(Vec<u8>),
    Fifo,
    /// Major and minor number.
    Char(u32, u32),
    /// Major and minor number.
    Block(u32, u32),
}

/// Where the bytes of a file come from.
#[derive(Debug, Clone)]
pub enum Content {
    Bytes(Arc<[u8]>),
    /// A file below an open directory; `size` is what it had when it was found, what counts is the size when it is opened.
    Beneath {
        dir: Arc<files::Dir>,
        path: PathBuf,
        size: u64,
    },
}

impl Content {
    /// In bytes.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Beneath { size, .. } => *size,
        }
    }
}
