//! What a user wants done: build, run, inspect, keep images.
//!
//! Every function gets a [`Host`]: folders, programs, the caller's environment, the clock, and who listens.
//! Read `build.rs` first; `site.rs` is what happens before the first phase, `container.rs` one phase in the sandbox.

mod caller;
mod error;
mod event;
mod gone;
mod host;
mod state;
mod stop;
mod sum;

mod memory;
pub mod name;
mod outputs;
mod processes;
pub mod source;

pub mod advice;
mod base;
mod brought;
mod builder;
mod container;
mod fold;
mod interpreter;
mod leave_out;
mod lent;
mod output;
mod pip_settings;
mod reuse;
mod rootfs;
mod site;
mod unchanged;
mod wheels;
mod workdir;

pub mod build;
pub mod cache;
pub mod detect;
pub mod doctor;
pub mod images;
pub mod inspect;
pub mod mount;
pub mod run;
mod trim;
pub mod why;

pub use base::Fetching;
pub use caller::Caller;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events, Silent};
pub use host::Host;
pub use outputs::{Archive, Output};
pub use processes::Process;
pub use site::Inputs;
pub use state::State;
pub use stop::Stop;
pub use trim::Keep;

/// The static programs that travel inside the command line.
#[derive(Debug, Clone, Copy)]
pub struct Payload {
    /// Phases and first-party buildpacks; mounted into the build sandbox.
    pub lifecycle: &'static [u8],
    /// Goes into every application image, so its bytes decide image digests.
    pub launcher: &'static [u8],
}
