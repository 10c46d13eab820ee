//! Do we behave as the Go lifecycle does? One module per file of `tests/vectors`, all cases of it; where we differ
//! on purpose it is one entry in `deviations.rs`.

mod deviations;
mod fields;
mod vectors;

mod env_launch;
mod files;
mod launcher_shell;
mod process;
mod tar;
