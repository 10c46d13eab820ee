//! Buildpack `slipway/pip`: installs requirements.txt into a venv.
//!
//! In order: [`detect`] looks for the files, [`requirements`] and [`settings`] read what is wanted, [`key`] decides whether
//! the last build's layer will do, [`uv`] fetches the installer, [`venv`] and then [`wheels`] or [`install`] fill the layer, [`bytecode`]
//! and [`settle`] finish it, [`slices`] gives large packages layers of their own, [`diagnose`] explains what went wrong.

mod build;
mod buildpack;
mod bytecode;
mod detect;
mod diagnose;
mod imports;
mod install;
mod interpreter;
mod key;
mod local;
mod requirements;
mod settings;
mod settle;
mod slices;
mod start;
mod stdlib;
mod uv;
mod venv;
mod wheels;

pub use buildpack::Pip as Buildpack;

/// Its buildpack.toml.
pub const DESCRIPTOR: &str = include_str!("../buildpack.toml");

/// The buildpack, for the program it is part of.
pub fn buildpack() -> Buildpack {
    Buildpack
}
