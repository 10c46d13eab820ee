//! The lifecycle: analyze, detect, restore, build, export.
//!
//! Values go down, results come back; the only sideways channel is [`Events`]. No phase opens a socket
//! or isolates a process: it is given images, a store and a [`Runner`].

mod context;
mod dirs;
mod error;
mod event;
mod inside;
mod limits;
pub mod messages;
mod modules;
mod output;
mod phase;
mod program;
mod runner;
mod scratch;
mod write;

pub mod analyze;
pub mod build;
pub mod detect;
pub mod export;
pub mod job;
pub mod restore;
mod run_image;

pub use analyze::{AnalyzeRequest, Analyzed, analyze};
pub use build::{Built, build};
pub use context::{Context, Workshop};
pub use detect::{Detected, detect};
pub use dirs::Dirs;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events, LayerAction, Level, Silent};
pub use export::{ExportRequest, Exported, Launcher, Owners, export};
pub use job::{Job, Work, run_job};
pub use phase::Phase;
pub use restore::{Restored, restore};
pub use run_image::run_image_names;
pub use runner::{Command, Element, Exit, Plain, Runner, Stream};
