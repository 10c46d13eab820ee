//! Buildpack `slipway/python`: the interpreter of the run image.
//!
//! [`wanted`] finds out which version the application asks for and where it says so, [`version`] compares, and
//! [`buildpack`](mod@buildpack) is what the lifecycle calls. Interpreters in a layer of their own, for other versions,
//! are not here yet.

mod buildpack;
mod interpreter;
mod version;
mod wanted;

pub use buildpack::Python as Buildpack;

/// Its buildpack.toml.
pub const DESCRIPTOR: &str = include_str!("../buildpack.toml");

/// The buildpack, for the program it is part of.
pub fn buildpack() -> Buildpack {
    Buildpack
}
