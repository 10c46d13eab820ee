//! The phases from outside, with buildpacks in shell that really run.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod world;

mod create;
mod explain;
mod hostile;
mod jobs;
