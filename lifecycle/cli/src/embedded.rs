//! The two static programs built by `build.rs`, as bytes.

use platform::Payload;

/// `lifecycle` goes into build sandboxes, `launcher` into images.
pub(crate) const PAYLOAD: Payload = Payload {
    lifecycle: include_bytes!(env!("SLIPWAY_LIFECYCLE")),
    launcher: include_bytes!(env!("SLIPWAY_LAUNCHER")),
};
