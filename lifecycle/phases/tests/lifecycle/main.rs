//! The phases from outside, with buildpacks in shell that really run.

mod world;

mod create;
mod explain;
mod hostile;
mod jobs;
