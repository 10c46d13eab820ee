//! The buildpack as a lifecycle calls it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod detect;
mod offline;
mod real_pypi;
mod world;
