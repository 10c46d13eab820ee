//! Base images assembled from Debian packages.
//!
//! A [`Recipe`] says which packages an image has, a lock says which bytes exactly. [`assemble`] fetches what is missing, unpacks it
//! without ever running a maintainer script, applies the rules that replace those scripts and makes layers of the result.
//! Reasons and measurements: `docs/design/base-images.md`.

#![allow(
    clippy::format_push_string,
    clippy::format_collect,
    reason = "texts are put together line by line, none of them large"
)]

mod assemble;
mod control;
mod date;
mod deb;
mod elf;
mod error;
mod fetch;
mod glob;
mod layers;
mod limits;
mod lock;
mod locks;
mod manifest;
mod offers;
mod packages;
mod recipe;
mod relation;
mod release;
mod relock;
mod resolve;
mod settle;
mod spool;
mod tree;
mod version;

#[cfg(test)]
mod tests;
// So that a file can belong to the tests and to an example.
#[cfg(test)]
extern crate self as debian;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use assemble::{assemble, assemble_from, plan};
pub use error::{Error, ErrorKind, Result};
pub use recipe::{Distro, Kind, Recipe};
pub use relock::relock;

/// Everything an assembly needs from outside.
#[derive(Clone)]
pub struct World<'a> {
    /// Folder for packages, indexes and what is remembered; made when absent.
    pub cache: &'a Path,
    /// Where layers go.
    pub store: Arc<dyn oci::Store>,
    pub http: &'a http::Client,
    pub now: SystemTime,
    pub interpreter: &'a dyn Interpreter,
    pub events: &'a dyn Fn(Event),
    /// A package that has vanished from the archive is an error instead of being resolved anew.
    pub locked: bool,
    /// Age of the newest known lock from which on the archives are asked for newer packages; `None` is never.
    pub max_age: Option<Duration>,
}

/// What is needed to ask the archives.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// Folder for packages, indexes and what is remembered; made when absent.
    pub cache: &'a Path,
    pub http: &'a http::Client,
    pub now: SystemTime,
    pub events: &'a dyn Fn(Event),
}

impl World<'_> {
    pub(crate) fn access(&self) -> Access<'_> {
        Access {
            cache: self.cache,
            http: self.http,
            now: self.now,
            events: self.events,
        }
    }
}

impl Access<'_> {
    /// Since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Runs a program of an unpacked tree.
pub trait Interpreter {
    /// Runs `program` (absolute in the tree) with `root` as its root directory, or so that it cannot tell; it may write below `root`.
    ///
    /// The environment is exactly `env`. Anything but success is an error.
    fn run(
        &self,
        root: &Path,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Something worth telling the user while a base is assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Packages will be downloaded.
    Fetching { packages: usize, bytes: u64 },
    /// So many bytes of those announced are here; told after each package.
    Fetched { bytes: u64 },
    /// A locked package is no longer offered anywhere; this version takes its place.
    Replaced {
        package: String,
        locked: String,
        found: String,
    },
    /// An archive's index is older than it should be, but not so that it would be refused.
    Stale { suite: String, valid_until: String },
    /// The archives could not be asked for newer packages; the known ones are used.
    NotRefreshed { why: String },
    /// A layer is being made.
    Assembling { layer: String },
}

/// An assembled base image.
#[derive(Debug, Clone)]
pub struct Base {
    /// `slipway.invalid/base/trixie-python:<first 12 hex of the lock digest>`.
    pub name: String,
    pub image: oci::Image,
    /// Of the lock that was used, in hex.
    pub lock_digest: String,
}

/// What an assembly would have to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Name of the base, as in [`Base::name`].
    pub name: String,
    /// Name, version and size of each package, by name.
    pub packages: Vec<(String, String, u64)>,
    /// Bytes that are not in the cache yet.
    pub download_bytes: u64,
}
