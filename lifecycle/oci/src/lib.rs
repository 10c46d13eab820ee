//! Images as values. Opens no socket and knows nothing of buildpacks.
//!
//! Read in this order: [`Digest`], [`Descriptor`] and [`MediaType`] name bytes; a [`Blob`] knows where to read them; a [`Layer`] is
//! a filesystem change; an [`Image`] is a [`Config`] and layers. [`Source`], [`Store`] and [`Images`] say where all that lies:
//! [`Memory`], [`Local`], [`layout`] and [`archive`] here, registries and daemons in other crates.
//! Questions about images are answered by [`tree`], [`efficiency`] and [`validate`].

mod error;
mod json;
mod limits;

mod descriptor;
mod digest;
mod media_type;
mod platform;
mod reference;

mod store;
mod verify;

mod blob;
mod config;
mod image;
pub mod index;
mod layer;

pub mod archive;
pub mod layout;
mod local;
mod memory;
mod part;

pub mod diff;
pub mod efficiency;
pub mod testing;
pub mod tree;
pub mod validate;

// Layers as tar files.
mod compress;
mod parallel;
pub mod tarball;

pub use blob::Blob;
pub use compress::decompress;
pub use config::{Config, History};
pub use descriptor::Descriptor;
pub use digest::{Digest, Hasher};
pub use error::{Error, ErrorKind, Result};
pub use image::Image;
pub use index::Index;
pub use layer::Layer;
pub use layout::Layout;
pub use local::{Collected, Damage, Local, Named, Statistics};
pub use media_type::{Compression, MediaType};
pub use memory::Memory;
pub use platform::Platform;
pub use reference::{Reference, Repository};
pub use store::{Images, Sink, Source, Store};
pub use tarball::{Owners, Stamp};
pub use verify::Verified;
