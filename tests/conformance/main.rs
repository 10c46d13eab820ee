//! Do we behave as the Go lifecycle does? One module per file of `tests/vectors`, all cases of it; where we differ
//! on purpose it is one entry in `deviations.rs`.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod deviations;
mod fields;
mod owned;
mod vectors;
mod world;

mod build;
mod detect;
mod env_build;
mod env_launch;
mod export;
mod files;
mod labels;
mod launcher_shell;
mod process;
mod restore;
mod tar;
