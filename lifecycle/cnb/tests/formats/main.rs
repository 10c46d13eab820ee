//! What readers and writers of the formats promise beyond the vectors of `tests/conformance`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod environment;
mod errors;
mod labels;
mod names;
mod targets;
mod untrusted;
mod writing;
