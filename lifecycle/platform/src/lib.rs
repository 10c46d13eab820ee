//! What a user wants done: build, run, inspect, keep images.

/// The static programs that travel inside the command line.
#[derive(Debug, Clone, Copy)]
pub struct Payload {
    /// Phases and first-party buildpacks; mounted into the build sandbox.
    pub lifecycle: &'static [u8],
    /// Goes into every application image, so its bytes decide image digests.
    pub launcher: &'static [u8],
}
