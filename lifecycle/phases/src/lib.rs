//! The lifecycle: analyze, detect, restore, build, export.
//!
//! Values go down, results come back; the only sideways channel is [`Events`]. No phase opens a socket
//! or isolates a process: it is given images, a store and a [`Runner`].

mod dirs;
mod error;
mod event;
pub mod messages;
mod phase;
mod runner;

pub mod detect;

pub use dirs::Dirs;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events, LayerAction, Level, Silent};
pub use phase::Phase;
pub use runner::{Command, Element, Exit, Plain, Runner, Stream};
