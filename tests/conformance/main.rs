//! Do we behave as the Go lifecycle does? One module per file of `tests/vectors`, all cases of it; where we differ
//! on purpose it is one entry in `deviations.rs`.

mod deviations;
mod fields;
mod vectors;

mod files;
mod tar;
