//! Layers as content-defined chunks: where a tar is cut, how a chunk is compressed, which chunks make a blob, and the packs that
//! keep them. Knows no images; `docs/formats/chunks.md` says every byte.
//!
//! Read in this order: [`ChunkId`] names the bytes of a chunk; a [`Cutter`] cuts a tar into chunks; a [`Deflater`] makes the
//! segment of each; a [`Recipe`] is the list that makes a blob of them; [`Packs`] keep segments.

mod error;
mod id;
mod limits;

mod cut;

mod blocks;
mod segment;

mod recipe;

pub use cut::Cutter;
pub use error::{Error, ErrorKind, Result};
pub use id::ChunkId;
pub use recipe::{HEAD, Piece, Recipe};
pub use segment::{Deflater, Segment, inflate};

/// Nothing larger is ever cut or taken, in bytes.
pub const CHUNK_BYTES_MAX: usize = limits::CHUNK_BYTES;
