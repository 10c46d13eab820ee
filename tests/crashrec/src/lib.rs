//! Power loss, replayed: does a store keep what it acknowledged, whatever the disk had not written yet?
//!
//! A file served by FUSE remembers every write and flush in order ([`Recorder`]). A file system on it runs workers that say when
//! the store has acknowledged something ([`plan`], [`worker`]). Any cut of that record is a disk that a power loss could leave:
//! everything before a flush, and some of the 4 KiB blocks after it ([`Recording`]). Each is mounted and judged ([`judge`]).
//!
//! What it cannot show: torn sectors, disks that lie about flushes, firmware. [`toy`] holds the seeded bugs that prove that the
//! rig sees the others.

pub mod campaign;
mod disk;
pub mod images;
pub mod judge;
mod mounted;
pub mod plan;
mod random;
mod recorder;
mod recording;
pub mod toy;
pub mod worker;

pub use disk::{BLOCK_BYTES, Disk};
pub use mounted::{FileSystem, Mounted};
pub use random::Random;
pub use recorder::{Event, Recorder};
pub use recording::{Cut, Recording};

/// What a rig says when it cannot go on; it is read by people only.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// An error's text with its causes, in one line.
pub fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
