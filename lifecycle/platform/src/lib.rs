//! What a user wants done: build, run, inspect, keep images.

mod caller;
mod error;
mod event;
mod leave_out;
pub mod name;
mod pip_settings;
pub mod source;
mod state;

pub use caller::Caller;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events, Silent};
pub use state::State;

/// The static programs that travel inside the command line.
#[derive(Debug, Clone, Copy)]
pub struct Payload {
    /// Phases and first-party buildpacks; mounted into the build sandbox.
    pub lifecycle: &'static [u8],
    /// Goes into every application image, so its bytes decide image digests.
    pub launcher: &'static [u8],
}
