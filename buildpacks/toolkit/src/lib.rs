//! Write a buildpack in Rust: what it is given, what it answers, and the handful of things most of them do.
//!
//! A buildpack implements [`Buildpack`]; its program calls [`main_of`], which alone reads the environment
//! and the clock. [`run`] is the same with both as arguments.
//!
//! Spec: buildpack.md, "Buildpack Interface".

mod build;
mod buildpack;
mod command;
mod context;
mod detect;
mod download;
mod entry;
mod failure;
mod files;
mod layer;
mod log;

pub use build::{BuildContext, Built, SHARES};
pub use buildpack::Buildpack;
pub use command::{Command, Ended, Exit, find_program, keep_apart};
pub use context::Context;
pub use detect::{DetectContext, Detection, provide, require};
pub use download::{Download, client, failure};
pub use entry::{Call, main_of, run};
pub use failure::{Class, Failure, Result};
pub use files::{create_folder, read_bytes, read_text, remove, write};
pub use layer::{Key, Keyed, Layer, Scope, sha256, sha256_of};
pub use log::{Log, without_user_info};

pub use cnb::{
    BuildPlan, BuildpackPlan, Environment, Launch, LayerTypes, PlanSections, Process, Provide,
    Require,
};
pub use http;
