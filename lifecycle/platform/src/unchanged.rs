//! A rebuild of what has not changed: the image that the last build made is the answer, and nothing runs.
//!
//! As for `docker build`, what a buildpack might find on the network or read off the clock is no reason to build again.
//! Whatever is odd here (no record, one that makes no sense, an image that is not whole) means that there is nothing to go by,
//! never an error: the build that follows says what is wrong.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use files::{Dir, Lock};
use oci::{Digest, Image, Images, Local, Reference, Store};
use serde::{Deserialize, Serialize};

use crate::base::{Bases, Fetching};
use crate::build::Request;
use crate::error::{Doing, Result};
use crate::host::Host;
use crate::memory::{Facts, Memory};
use crate::site::Inputs;
use crate::sum::Sum;
use crate::why;

/// Of the record. Also to be changed when an image follows from its ingredients in another way than before within one program.
const VERSION: u32 = 2;
/// About a million files.
const RECORD_BYTES: u64 = 256 << 20;
/// Our own program file.
pub(crate) const PROGRAM: &str = "/proc/self/exe";
/// Held shared while a record is written, exclusively while records are removed.
const LOCK: &str = "lock";
/// Nothing is done under the lock that takes long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the user gave, as a build gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Of the source ([`crate::source::Found`]).
    pub(crate) source: Digest,
    /// In order; none for the default order.
    pub(crate) buildpacks: Vec<Buildpack>,
    /// Of what the caller brings ([`crate::brought::Brought`]); `None` when that changes at this moment.
    pub(crate) brought: Option<Digest>,
}

/// A buildpack that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Buildpack {
    /// One of our own.
    Named(String),
    /// A folder, by what is in it.
    Folder(Digest),
}

/// Everything that an image is made from. Two builds of equal ingredients make the same image.
#[derive(Debug, Clone)]
pub(crate) struct Ingredients<'a> {
    pub(crate) request: &'a Request,
    /// The user who builds: what one user made is no answer for another, wherever the record comes from.
    pub(crate) owner: u32,
    /// The name whose last image is asked what can be reused.
    pub(crate) name: &'a Reference,
    /// Of our own program file, in which phases, first-party buildpacks, launcher and locks of base images are.
    pub(crate) program: Digest,
    pub(crate) bases: &'a Bases,
    pub(crate) seen: &'a Seen,
}

impl Ingredients<'_> {
    /// Equal for equal ingredients only; `None` when they change at this moment. Secrets among the variables cannot be read from it.
    ///
    /// Outputs and further names are not in it: they change where an image goes, not what it is.
    pub(crate) fn key(&self) -> Option<Digest> {
        let Request {
            inputs,
            created,
            names: _,
            outputs: _,
            clear_cache: _,
        } = self.request;
        let Inputs {
            source: _,
            buildpacks: _,
            env,
            fetching: Fetching { offline, locked },
        } = inputs;
        let mut sum = Sum::default();
        sum.put(&VERSION.to_le_bytes());
        sum.put(&self.owner.to_le_bytes());
        sum.put(self.name.to_string().as_bytes());
        sum.put(self.program.hex().as_bytes());
        for base in [&self.bases.run, &self.bases.build] {
            sum.put(base.name.to_string().as_bytes());
            sum.put(base.image.digest().hex().as_bytes());
        }
        sum.put(self.seen.source.hex().as_bytes());
        let buildpacks: Vec<String> = self.seen.buildpacks.iter().map(Buildpack::text).collect();
        sum.list(buildpacks.iter().map(String::as_bytes));
        let env: Vec<&[u8]> = env
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()])
            .collect();
        sum.list(env.into_iter());
        sum.put(&[u8::from(*offline), u8::from(*locked)]);
        sum.put(self.seen.brought?.hex().as_bytes());
        sum.put(&created.to_le_bytes());
        Some(sum.finish())
    }
}

impl Buildpack {
    fn text(&self) -> String {
        match self {
            Buildpack::Named(id) => format!("named {id}"),
            Buildpack::Folder(digest) => format!("folder {digest}"),
        }
    }
}

/// What the last build of an image name left: which image it made from what, and what it read.
#[derive(Debug)]
pub(crate) struct LastBuild {
    path: PathBuf,
    /// The folder's lock.
    lock: PathBuf,
    /// Key and manifest.
    made: Option<(Digest, Digest)>,
    /// For this build, filled from the last one.
    pub(crate) memory: Memory,
}

/// The record on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    /// Digest of the ingredients.
    key: String,
    /// Digest of the manifest.
    image: String,
    /// What files were.
    files: Facts,
}

impl LastBuild {
    /// Reads the record of the last build of `name`, if there is one.
    pub(crate) fn of(host: &Host<'_>, name: &Reference) -> LastBuild {
        let path = host.state.last_builds().join(file_name(name));
        let (made, facts) = match read(host, name) {
            Some((made, facts)) => (Some(made), facts),
            None => (None, Facts::new()),
        };
        LastBuild {
            path,
            lock: lock_of(host),
            made,
            memory: Memory::new(facts, host.now),
        }
    }

    /// Whether there is anything to go by.
    pub(crate) fn made_something(&self) -> bool {
        self.made.is_some()
    }

    /// The image that was made with this key, when it is in the store with every layer.
    pub(crate) fn image(&self, name: &Reference, key: Digest, store: &Arc<Local>) -> Option<Image> {
        let (known, manifest) = self.made?;
        if known != key {
            return None;
        }
        let image = store.find(&name.with_digest(manifest)).ok()??;
        let is_here = |layer: &oci::Layer| {
            let blob = &layer.blob.descriptor;
            store.contains(blob.digest).unwrap_or(false)
        };
        let whole = image.digest() == manifest && image.layers().iter().all(is_here);
        whole.then_some(image)
    }

    /// Records what the image was made from, for the next build.
    pub(crate) fn keep(&self, key: Digest, image: &Image) -> Result<()> {
        let record = Record {
            version: VERSION,
            key: key.hex(),
            image: image.digest().hex(),
            files: self.memory.facts().clone(),
        };
        let doing = "remembering what the image was made from";
        let bytes = serde_json::to_vec(&record).doing(doing)?;
        let _no_collection = no_collection(&self.lock)?;
        files::write_durable(&self.path, &bytes).doing(doing)
    }
}

/// Our own program file, as the system knows it.
pub(crate) fn program(memory: &mut Memory) -> Result<Digest> {
    memory
        .digest(Path::new(PROGRAM))
        .doing("reading the program itself")
}

/// Key, manifest and files of a record that makes sense.
fn read(host: &Host<'_>, name: &Reference) -> Option<((Digest, Digest), Facts)> {
    let dir = Dir::open(&host.state.last_builds()).ok()?;
    let bytes = dir.read(file_name(name).as_ref(), RECORD_BYTES).ok()??;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    if record.version != VERSION {
        return None;
    }
    let key = Digest::from_hex(&record.key).ok()?;
    let image = Digest::from_hex(&record.image).ok()?;
    Some(((key, image), record.files))
}

fn file_name(name: &Reference) -> String {
    format!("{}.json", Digest::of(name.to_string().as_bytes()).hex())
}

pub(crate) fn lock_of(host: &Host<'_>) -> PathBuf {
    host.state.last_builds().join(LOCK)
}

/// As long as it is held, nothing half written is taken for a dead program's.
pub(crate) fn no_collection(lock: &Path) -> Result<Lock> {
    Lock::shared(lock, PATIENCE).doing("waiting for another slipway that cleans its records")
}

/// Removes records of names that are no longer in the store, and what dead programs left half written.
pub(crate) fn collect(host: &Host<'_>, names: &[Reference]) -> Result<()> {
    let doing = "removing records of images that are gone";
    let folder = host.state.last_builds();
    let Some(_alone) = Lock::try_exclusive(&folder.join(LOCK)).doing(doing)? else {
        // Somebody writes; the next collection is soon.
        return Ok(());
    };
    let files = names
        .iter()
        .flat_map(|name| [file_name(name), why::file_name(name)]);
    let mut wanted: BTreeSet<OsString> = files.map(OsString::from).collect();
    wanted.insert(LOCK.into());
    let dir = Dir::open(&folder).doing(doing)?;
    for entry in dir.entries().doing(doing)? {
        if !wanted.contains(&entry.name) {
            dir.remove_tree(entry.name.as_ref()).doing(doing)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
