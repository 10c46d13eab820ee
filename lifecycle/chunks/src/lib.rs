//! Layers as content-defined chunks: where a tar is cut, how a chunk is compressed, which chunks make a blob, and the packs that
//! keep them. Knows no images; `docs/formats/chunks.md` says every byte.
//!
//! Read in this order: [`ChunkId`] names the bytes of a chunk; a [`Cutter`] cuts a tar into chunks; a [`Deflater`] makes the
//! segment of each; a [`Recipe`] is the list that makes a blob of them; [`Packs`] keep segments.

mod error;
mod id;
mod idx;
mod limits;
mod map;
mod pack;
mod packs;

pub use error::{Error, ErrorKind, Result};
pub use id::ChunkId;
pub use idx::PackId;
pub use pack::{PackWriter, Sealed};
pub use packs::{Found, Lacks, PackInfo, Packs, Rebuilt, Repacked, Stray};
