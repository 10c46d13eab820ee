//! Files handled safely: beneath a directory without following links, durable writes, locks.
//!
//! Paths that come from outside (sources, layers, tars, images) are opened through [`Dir`] only: every name
//! is resolved below an open directory and no link on the way is followed. Spec: `docs/design/sandbox.md` 9, rows 17–19.

mod beneath;
mod create;
mod dir;
mod durable;
mod error;
mod lock;
mod remove;

pub use dir::{Dir, Entry, Kind, Stat};
pub use durable::{hold, is_disk_fault, remove_abandoned, sync_dir, temporary, write_durable};
pub use error::{Error, ErrorKind, Result};
pub use lock::Lock;
pub use remove::remove_tree;
