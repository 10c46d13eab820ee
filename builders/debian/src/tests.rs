//! What the tests of several modules share, and whole assemblies.

mod archive;
mod hermetic;
mod hostile;
pub(crate) mod ldso;
mod package;
mod real_debian;
pub(crate) mod signer;
mod world;
