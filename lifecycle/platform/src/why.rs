//! Why an image was built instead of taken as it was: what it was made from, one by one, beside the build before.
//!
//! Lies beside the record of the last build (`unchanged.rs`) and decides nothing: it is written by builds that did something and read to
//! tell. Of everything it holds a few digits of a digest, too few to find a variable's value by trying.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use files::Dir;
use oci::{Digest, Image, Reference};
use serde::{Deserialize, Serialize};

use crate::brought::Brought;
use crate::build::Request;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::host::Host;
use crate::inspect;
use crate::run::no_image;
use crate::site::Inputs;
use crate::sum::Sum;
use crate::unchanged::{self, Buildpack, Ingredients};

/// Of the record.
const VERSION: u32 = 1;
/// About a million files.
const RECORD_BYTES: u64 = 256 << 20;
/// Hexadecimal digits that are kept of the digest of a setting: one change in 65,536 is not seen, and of all passwords one in 65,536 fits.
const SETTING_DIGITS: usize = 4;
/// Of a file of the source.
const FILE_DIGITS: usize = 12;

/// What an image is made from, each part with a few digits of its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    /// By a name for people, such as `the run image` or `variable BP_X`.
    settings: BTreeMap<String, String>,
    /// Files and links of the source by their path in it.
    source: BTreeMap<String, String>,
}

impl Parts {
    pub(crate) fn of(
        ingredients: &Ingredients<'_>,
        brought: &Brought,
        source: &SourceParts,
    ) -> Parts {
        let Request {
            inputs, created, ..
        } = ingredients.request;
        let Inputs {
            source: _,
            buildpacks,
            env,
            fetching,
        } = inputs;
        let mut settings = BTreeMap::new();
        let mut put =
            |name: String, digest: Digest| settings.insert(name, digits(digest, SETTING_DIGITS));
        put("slipway itself".to_owned(), ingredients.program);
        let bases = ingredients.bases;
        put("the run image".to_owned(), bases.run.image.digest());
        put("the build image".to_owned(), bases.build.image.digest());
        put(
            "SOURCE_DATE_EPOCH".to_owned(),
            sum(&[created.to_string().as_bytes()]),
        );
        let fetching = format!("{fetching:?}");
        put(
            "--offline or --locked".to_owned(),
            sum(&[fetching.as_bytes()]),
        );
        let order: Vec<&[u8]> = buildpacks.iter().map(String::as_bytes).collect();
        put("the list of buildpacks".to_owned(), sum(&order));
        for (given, seen) in buildpacks.iter().zip(&ingredients.seen.buildpacks) {
            if let Buildpack::Folder(digest) = seen {
                put(format!("buildpack {given}"), *digest);
            }
        }
        for (name, value) in env {
            put(format!("variable {name}"), sum(&[value.as_bytes()]));
        }
        for (name, digest) in brought.parts() {
            put(name.to_owned(), digest);
        }
        Parts {
            settings,
            source: source.0.clone(),
        }
    }

    /// How these parts differ from earlier ones: settings, then files, each sorted by name.
    fn since(&self, earlier: &Parts) -> Vec<Reason> {
        let settings = differences(&earlier.settings, &self.settings);
        let files = differences(&earlier.source, &self.source);
        let reason = |what| move |(name, change)| Reason { what, name, change };
        settings
            .map(reason(What::Setting))
            .chain(files.map(reason(What::File)))
            .collect()
    }
}

fn sum(parts: &[&[u8]]) -> Digest {
    let mut sum = Sum::default();
    sum.list(parts.iter().copied());
    sum.finish()
}

fn digits(digest: Digest, count: usize) -> String {
    digest.hex().chars().take(count).collect()
}

fn differences<'a>(
    before: &'a BTreeMap<String, String>,
    now: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (String, Change)> + use<'a> {
    let mut all: BTreeMap<&String, Change> = BTreeMap::new();
    for (name, digits) in now {
        match before.get(name) {
            None => all.insert(name, Change::New),
            Some(other) if other != digits => all.insert(name, Change::Changed),
            Some(_) => None,
        };
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    all.extend(gone.map(|name| (name, Change::Gone)));
    all.into_iter().map(|(name, change)| (name.clone(), change))
}

/// Files and links of a source, collected while it is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourceParts(BTreeMap<String, String>);

impl SourceParts {
    /// `kind` and `more` are all that a build sees of it besides its path.
    pub(crate) fn put(&mut self, path: &Path, kind: &str, more: &[u8]) {
        let digest = sum(&[kind.as_bytes(), more]);
        let path = path.to_string_lossy().into_owned();
        self.0.insert(path, digits(digest, FILE_DIGITS));
    }
}

/// One thing that was not as it had been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub what: What,
    /// For people: a path in the source, `variable BP_X`, `the run image`.
    pub name: String,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A file of the source.
    File,
    /// A variable, a base image, slipway itself.
    Setting,
    /// Something about the last build.
    LastBuild,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Changed,
    New,
    Gone,
    /// The name says it all.
    Itself,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.change {
            Change::Changed => " changed",
            Change::New => " is new",
            Change::Gone => " is gone",
            Change::Itself => "",
        };
        write!(f, "{}{end}", self.name)
    }
}

/// A layer of an image and what the last build did about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// As in `slipway inspect`: `run image`, `slipway/pip:venv`, `application`.
    pub holds: String,
    pub diff_id: String,
    /// In the image of the build before it, too.
    pub reused: bool,
}

/// How the last build of an image came to its layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Why it built at all; empty for the first build of a name.
    pub reasons: Vec<Reason>,
    /// Lowest first.
    pub layers: Vec<Layer>,
}

/// The record on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    parts: Parts,
    why: Why,
}

/// What the last build of `name` that did something left; `None` when there is no image record that makes sense.
///
/// Fails with `NoImage` when the store has no such image.
pub fn why(host: &Host<'_>, name: &Reference) -> Result<Option<Why>> {
    let store = host.images()?;
    let found = store
        .resolve(name)
        .doing(format!("looking for {}", name.as_typed()))?;
    if found.is_none() {
        return Err(no_image(name));
    }
    Ok(read(host, name).map(|record| record.why))
}

/// A build that goes on, between the look at its parts and its image.
pub(crate) struct Question {
    parts: Parts,
    reasons: Vec<Reason>,
    layers: Vec<Layer>,
}

/// What is known of the build before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    /// There is a record of it by which its image could have been found.
    pub(crate) recorded: bool,
    /// The user asked for a build as if for the first time.
    pub(crate) clear_cache: bool,
}

impl Question {
    /// Compares with the build before.
    pub(crate) fn ask(host: &Host<'_>, name: &Reference, parts: Parts, before: Before) -> Question {
        let Some(record) = read(host, name) else {
            return Question {
                parts,
                reasons: Vec::new(),
                layers: Vec::new(),
            };
        };
        let mut reasons = parts.since(&record.parts);
        let itself = |name: &str| Reason {
            what: What::LastBuild,
            name: name.to_owned(),
            change: Change::Itself,
        };
        if before.clear_cache {
            reasons.insert(0, itself("--clear-cache was asked for"));
        } else if reasons.is_empty() && before.recorded {
            reasons.push(itself("the last image is not in the store as it was"));
        } else if reasons.is_empty() {
            reasons.push(itself("the record of the last build was of no use"));
        }
        Question {
            parts,
            reasons,
            layers: record.why.layers,
        }
    }

    pub(crate) fn reasons(&self) -> Vec<String> {
        self.reasons.iter().map(Reason::to_string).collect()
    }

    /// Records the answer. It only tells, so it need not survive a power loss, and half of it is none.
    pub(crate) fn answer(self, host: &Host<'_>, name: &Reference, image: &Image) -> Result<()> {
        let was = |diff_id: &str| self.layers.iter().any(|layer| layer.diff_id == diff_id);
        let layers = inspect::layers_of(image).into_iter().map(|layer| Layer {
            reused: was(&layer.diff_id),
            holds: layer.holds,
            diff_id: layer.diff_id,
        });
        let record = Record {
            version: VERSION,
            why: Why {
                layers: layers.collect(),
                reasons: self.reasons.clone(),
            },
            parts: self.parts,
        };
        let doing = "noting why the image was built";
        let bytes = serde_json::to_vec(&record).doing(doing)?;
        let folder = host.state.last_builds();
        let _no_collection = unchanged::no_collection(&unchanged::lock_of(host))?;
        let mut new = tempfile::NamedTempFile::new_in(&folder).doing(doing)?;
        new.write_all(&bytes).doing(doing)?;
        let kept = new.persist(folder.join(file_name(name)));
        kept.map(drop)
            .map_err(|error| Error::new(ErrorKind::Other, doing).because(error.error))
    }
}

fn read(host: &Host<'_>, name: &Reference) -> Option<Record> {
    let dir = Dir::open(&host.state.last_builds()).ok()?;
    let bytes = dir.read(file_name(name).as_ref(), RECORD_BYTES).ok()??;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    (record.version == VERSION).then_some(record)
}

pub(crate) fn file_name(name: &Reference) -> String {
    format!("{}.why", Digest::of(name.to_string().as_bytes()).hex())
}

#[cfg(test)]
mod tests;
