//! The lifecycle: analyze, detect, restore, build, export.
//!
//! Start with [`create`](create()): it shows the phases in their order. Values go down, results come back; the only
//! sideways channel is [`Events`]. No phase opens a socket or isolates a process: it is given images, a store and a
//! [`Runner`]. In the sandbox detect and build run as a [`Job`].

// The phases in order, one line each.
mod create;

pub mod analyze;

pub mod detect;

pub mod restore;

pub mod build;

pub mod export;

pub mod cache;

pub mod job;

// What they are given and tell.
mod context;
mod dirs;
mod error;
mod event;
pub mod messages;
mod phase;
mod run_image;
mod runner;

// What they share.
mod extract;
mod inside;
mod limits;
mod modules;
mod output;
mod program;
mod scratch;
mod write;

pub use analyze::{AnalyzeRequest, Analyzed, analyze};
pub use build::{Built, build};
pub use cache::{Kept, save_cache};
pub use context::{Context, Workshop};
pub use create::{CreateRequest, create};
pub use detect::{Detected, detect};
pub use dirs::Dirs;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events, LayerAction, Level, Silent};
pub use export::{ExportRequest, Exported, Launcher, Owners, Untouched, export};
pub use job::{Job, Work, run_job};
pub use phase::Phase;
pub use restore::{Restored, Unpacked, restore, restore_stores, restore_with};
pub use run_image::run_image_names;
pub use runner::{Command, Element, Exit, Plain, Runner, Stream};
