//! What the phases tell while they work. In the sandbox one JSON object per line on the agent's pipe.

use serde::{Deserialize, Serialize};

use crate::detect::DetectFailure;
use crate::{Element, Exit, Phase, Stream};

/// Somebody who listens. Told from several threads at once.
pub trait Events: Sync {
    fn tell(&self, event: Event);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Events for Silent {
    fn tell(&self, _event: Event) {}
}

/// Something worth telling the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    Started {
        phase: Phase,
    },
    Finished {
        phase: Phase,
    },
    /// A buildpack's program began.
    Running {
        phase: Phase,
        element: Element,
    },
    /// It ended. `None` when it could not be started.
    Ran {
        phase: Phase,
        element: Element,
        exit: Option<Exit>,
        millis: u64,
    },
    /// One line that a buildpack's program wrote, without its newline, at most 64 KiB, invalid UTF-8 replaced.
    Output {
        phase: Phase,
        element: Element,
        stream: Stream,
        line: String,
    },
    /// A group passed: who takes part, in order.
    Detected {
        group: Vec<Element>,
    },
    /// No group passed. The error that ends the phase follows.
    NotDetected {
        failure: DetectFailure,
    },
    /// A layer of the image.
    Layer {
        /// `<buildpack>:<layer>`, `slice-1`, `buildpacksio/lifecycle:launcher`, …
        id: String,
        action: LayerAction,
        diff_id: String,
        /// Compressed size in bytes.
        size: u64,
    },
    Label {
        key: String,
    },
    /// A sentence of the lifecycle, worded as in the Go lifecycle.
    Said {
        level: Level,
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerAction {
    Added,
    Reused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Debug,
    Info,
    Warning,
}
