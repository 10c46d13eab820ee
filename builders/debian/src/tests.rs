//! What the tests of several modules share, and whole assemblies.

pub(crate) mod ldso;
mod real_debian;
pub(crate) mod signer;
