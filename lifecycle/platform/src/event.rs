//! What is told while something is done. One stream for everything; how it looks is the command line's affair.

use std::path::PathBuf;
use std::time::Duration;

use oci::Digest;
use serde::Serialize;

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
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// The source was copied.
    Source {
        path: PathBuf,
        files: u64,
        bytes: u64,
        left_out: Vec<PathBuf>,
        special: Vec<PathBuf>,
    },
    /// The image is built again. Not told for the first build of a name.
    Rebuilding { name: String, reasons: Vec<String> },
    /// Base images are not here yet. Said once, before the first byte is fetched.
    Downloading {
        what: String,
        bytes: u64,
        packages: usize,
    },
    /// So much of `total` bytes is here; at most a few times per second.
    Downloaded { bytes: u64, total: u64 },
    /// Something began that may take a while.
    Working { what: String },
    /// It ended.
    Worked,
    /// A base image is ready.
    Base { name: String, bytes: u64 },
    /// Something that is not as it should be, but does not stop the work.
    Warning { text: String },
    /// Something worth knowing.
    Note { text: String },
    /// What the phases tell.
    Phase { told: phases::Event },
    /// A phase ended well.
    PhaseDone {
        phase: phases::Phase,
        #[serde(rename = "ms", serialize_with = "millis")]
        took: Duration,
    },
    /// A container is about to listen there.
    Listening { name: String, url: String },
    /// The image has its names.
    Image {
        names: Vec<String>,
        #[serde(serialize_with = "text")]
        digest: Digest,
        bytes: u64,
        layers: usize,
        /// Nothing had to be built: it is the image that the last build made from the same.
        unchanged: bool,
    },
}

fn millis<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(took.as_millis())
}

fn text<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

/// The phases speak through the same stream.
pub(crate) struct Through<'a>(pub(crate) &'a dyn Events);

impl phases::Events for Through<'_> {
    fn tell(&self, event: phases::Event) {
        self.0.tell(Event::Phase { told: event });
    }
}
