//! Buildpack `slipway/procfile`: process types from a Procfile.
//!
//! [`procfile`] reads the file, [`command`] decides how a line is started, [`buildpack`](mod@buildpack) is what the
//! lifecycle calls.

mod buildpack;
mod command;
mod procfile;
mod shell;

pub use buildpack::Procfile as Buildpack;

/// Its buildpack.toml.
pub const DESCRIPTOR: &str = include_str!("../buildpack.toml");

/// The buildpack, for the program it is part of.
pub fn buildpack() -> Buildpack {
    Buildpack
}
