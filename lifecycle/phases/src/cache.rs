//! Layers kept for the next build, in a folder laid out as by the Go lifecycle (CA-1 to CA-7).
//!
//! `committed/` holds `<diff id>.tar` and the metadata, `staging/` becomes the next `committed/`.
//! Spec: platform.md, "Caching"; the layout is the Go lifecycle's.

mod directory;
mod save;

pub(crate) use directory::{Cache, Cached};
pub use save::{Kept, save_cache, save_cache_from};
