//! Do we behave as the Go lifecycle does? One module per file of `tests/vectors`, all cases of it; where we differ
//! on purpose it is one entry in `deviations.rs`.

mod deviations;
mod fields;
mod owned;
mod vectors;
mod world;

mod env_launch;
mod files;
mod labels;
mod restore;
mod export;
mod env_build;
mod detect;
mod build;
mod launcher_shell;
mod process;
mod tar;
