//! The wheel store: what `slipway/pip` has installed and compiled, kept for builds of other applications of the same user.
//!
//! ```text
//! lock                                held shared by every build that sees the store, exclusively while it is tidied
//! <build image>/<context>/<wheel>/    one entry: what a wheel becomes with this image, in this context of the buildpack
//!     list                            its files with their digests (docs/formats/wheels.md); its time is that of the last use
//!     files/                          the files themselves
//! ```
//!
//! Nothing in it counts but what a digest in a list vouches for, so nothing is synced, and anything may vanish at any time. Who may see
//! it and add to it: docs/decisions/0004.

mod list;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use files::{Dir, Kind, Lock};
use oci::{Digest, Hasher, Image};
use sandbox::{From, Mount};

use self::list::{File, List};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::host::Host;

/// Where the agent and `slipway/pip` expect it.
const KNOWN: &str = "/slipway-wheels";
const MADE: &str = "/slipway-made";
/// The buildpack's folder of layers, and the layers of which entries are made.
const BUILDPACK: &str = "slipway_pip";
const LAYERS: [&str; 2] = ["uv", "venv"];

/// Entries that nobody has used for so long go.
const UNUSED: Duration = Duration::from_hours(30 * 24);
/// What all entries together may take; the scientific set of the samples takes 0.4 GB, the largest set of wheels that we know 8 GB.
const MOST_BYTES: u64 = 12 << 30;
/// Wheels that one build may add.
const MOST_WHEELS: usize = 10_000;

/// The store as one build has it.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// Of the build image.
    known: PathBuf,
    /// Lists of new entries, empty in the beginning.
    made: PathBuf,
    now: SystemTime,
    _held: Lock,
}

impl Shelf {
    /// Opens the store for a build in `workdir`; `None` while it is tidied.
    pub(crate) fn open(
        host: &Host<'_>,
        build_image: &Image,
        workdir: &Path,
    ) -> Result<Option<Shelf>> {
        let doing = "opening the wheel store";
        let top = host.state.wheels();
        let held = match Lock::shared(&top.join("lock"), Duration::ZERO) {
            Err(error) if error.kind() == files::ErrorKind::Busy => return Ok(None),
            held => held.doing(doing)?,
        };
        let image = build_image.digest().hex();
        let dir = Dir::open(&top).doing(doing)?;
        dir.create_dir_all(Path::new(&image), 0o755).doing(doing)?;
        let made = workdir.join("made");
        let dir = Dir::open(workdir).doing(doing)?;
        dir.create_dir(Path::new("made"), 0o755).doing(doing)?;
        Ok(Some(Shelf {
            known: top.join(image),
            made,
            now: host.now,
            _held: held,
        }))
    }

    pub(crate) fn mounts(&self) -> [Mount; 2] {
        let bind = |from: &Path, at: &str, writable| Mount {
            from: From::Bind(from.to_owned()),
            at: at.into(),
            writable,
        };
        [
            bind(&self.known, KNOWN, false),
            bind(&self.made, MADE, true),
        ]
    }

    /// Keeps what a build has made, which the agent has said to be sound. `layers` is the folder of all layers; of those in `needed`
    /// files are copied, of others they are moved away.
    pub(crate) fn take_in(&self, layers: &Path, needed: &BTreeSet<PathBuf>) -> Result<()> {
        let doing = "reading what is new for the wheel store";
        let made = Dir::open(&self.made).doing(doing)?;
        for context in made.entries().doing(doing)? {
            let context = Path::new(&context.name);
            let dir = made.dir(context).doing(doing)?;
            digest(context)?;
            let into = Dir::open(&self.known)
                .and_then(|known| known.create_dir_all(context, 0o755))
                .doing(doing)?;
            let entries = dir.entries().doing(doing)?;
            if entries.len() > MOST_WHEELS {
                return Err(unfit(format!("{} entries are too many", entries.len())));
            }
            for entry in entries {
                let name = Path::new(&entry.name);
                let text = dir.read(name, list::MOST_BYTES).doing(doing)?;
                let text = String::from_utf8(text.unwrap_or_default()).doing(doing)?;
                if entry.name.as_encoded_bytes().starts_with(b"used-") {
                    self.note_use(&into, &text);
                } else {
                    let wheel = digest(name)?;
                    let list = List::parse(&text)
                        .ok_or_else(|| unfit(format!("the list of wheel {wheel} is none")))?;
                    self.keep(&into, &wheel, &list, layers, needed)?;
                }
            }
        }
        Ok(())
    }

    /// That a use cannot be noted makes an entry go earlier, no more.
    fn note_use(&self, into: &Dir, wheels: &str) {
        for wheel in wheels.lines().take(MOST_WHEELS) {
            let list = Path::new(wheel).join("list");
            if digest(Path::new(wheel)).is_ok()
                && let Ok(file) = into.file(&list)
            {
                let _ = file.set_modified(self.now);
            }
        }
    }

    fn keep(
        &self,
        into: &Dir,
        wheel: &Digest,
        list: &List<'_>,
        layers: &Path,
        needed: &BTreeSet<PathBuf>,
    ) -> Result<()> {
        let doing = || format!("keeping wheel {wheel}");
        if !LAYERS.contains(&list.layer) {
            return Err(unfit(format!(
                "there are no entries of layer {}",
                list.layer
            )));
        }
        let layer = layers.join(BUILDPACK).join(list.layer);
        let from = Dir::open(&layer).doing(doing())?;
        let new = PathBuf::from(format!(".new-{}-{}", std::process::id(), wheel.hex()));
        into.remove_tree(&new).doing(doing())?;
        let entry = into.create_dir(&new, 0o755).doing(doing())?;
        let files = entry.create_dir(Path::new("files"), 0o755).doing(doing())?;
        let copied = needed.contains(&layer);
        for file in &list.files {
            one(&from, file, &files, copied).doing(doing())?;
        }
        let mut at = entry.create_file(Path::new("list"), 0o644).doing(doing())?;
        io::Write::write_all(&mut at, list.text.as_bytes()).doing(doing())?;
        at.set_modified(self.now).doing(doing())?;
        // Another build may have been first, or the one there is broken.
        let place = PathBuf::from(wheel.hex());
        into.remove_tree(&place).doing(doing())?;
        into.rename(&new, &place).doing(doing())
    }
}

/// Moves or copies one file once it is what its list says.
fn one(from: &Dir, file: &File<'_>, into: &Dir, copied: bool) -> Result<()> {
    let doing = || format!("keeping {}", file.path.display());
    let mode = if file.executable { 0o755 } else { 0o644 };
    let parent = file.path.parent().unwrap_or(Path::new(""));
    into.create_dir_all(parent, 0o755).doing(doing())?;
    let mut source = from.file(file.path).doing(doing())?;
    if sum(&mut source, file.size_bytes).doing(doing())? != file.digest {
        return Err(unfit(format!("{} is not as listed", file.path.display())));
    }
    if copied {
        let mut source = from.file(file.path).doing(doing())?;
        let mut to = into.create_file(file.path, mode).doing(doing())?;
        io::copy(&mut source, &mut to).doing(doing())?;
        return Ok(());
    }
    from.rename_into(file.path, into, file.path)
        .doing(doing())?;
    into.set_mode(file.path, mode).doing(doing())
}

/// The digest of a file that has no more than these bytes.
fn sum(file: &mut fs::File, most: u64) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 64 << 10];
    let mut rest = io::Read::take(file, most.saturating_add(1));
    loop {
        match io::Read::read(&mut rest, &mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

fn digest(name: &Path) -> Result<Digest> {
    let hex = name.to_str().unwrap_or_default();
    Digest::from_hex(hex).doing("reading what is new for the wheel store")
}

fn unfit(what: String) -> Error {
    Error::new(ErrorKind::Other, "reading what is new for the wheel store").because(what)
}

/// An entry as a collection sees it.
struct Entry {
    used: SystemTime,
    bytes: u64,
    /// Below the top of the store.
    path: PathBuf,
}

/// Removes entries that nobody has used for long, those used longest ago where all together take too much, and what dead programs left.
pub(crate) fn collect(host: &Host<'_>) -> Result<()> {
    let limits = Limits {
        unused: UNUSED,
        bytes: MOST_BYTES,
    };
    tidy(&host.state.wheels(), host.now, &limits)
}

/// Removes everything that no running build sees.
pub(crate) fn clear(host: &Host<'_>) -> Result<()> {
    let limits = Limits {
        unused: Duration::ZERO,
        bytes: 0,
    };
    tidy(&host.state.wheels(), host.now, &limits)
}

/// What stays.
struct Limits {
    unused: Duration,
    bytes: u64,
}

fn tidy(path: &Path, now: SystemTime, limits: &Limits) -> Result<()> {
    let doing = "tidying the wheel store";
    let Some(_alone) = Lock::try_exclusive(&path.join("lock")).doing(doing)? else {
        return Ok(());
    };
    let top = Dir::open(path).doing(doing)?;
    let mut entries = entries(&top).doing(doing)?;
    entries.sort_by(|one, other| (other.used, &other.path).cmp(&(one.used, &one.path)));
    let mut bytes: u64 = 0;
    for entry in entries {
        bytes = bytes.saturating_add(entry.bytes);
        let age = now.duration_since(entry.used).unwrap_or_default();
        if age > limits.unused || bytes > limits.bytes {
            top.remove_tree(&entry.path).doing(doing)?;
        }
    }
    remove_empty(&top).doing(doing)
}

/// All entries, whole or not.
fn entries(top: &Dir) -> files::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for context in contexts(top)? {
        for wheel in top.dir(&context)?.entries()? {
            let path = context.join(&wheel.name);
            let list = path.join("list");
            let stat = top.stat(&list)?;
            let head = list::bytes(top, &list).zip(stat);
            let (bytes, used) = head.map_or((u64::MAX, SystemTime::UNIX_EPOCH), |(bytes, stat)| {
                let seconds = Duration::from_secs(stat.mtime.try_into().unwrap_or(0));
                (bytes, SystemTime::UNIX_EPOCH + seconds)
            });
            entries.push(Entry { used, bytes, path });
        }
    }
    Ok(entries)
}

fn contexts(top: &Dir) -> files::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for image in folders(top, Path::new(""))? {
        found.extend(folders(&top.dir(&image)?, &image)?);
    }
    Ok(found)
}

fn folders(dir: &Dir, at: &Path) -> files::Result<Vec<PathBuf>> {
    let entries = dir.entries()?.into_iter();
    let folders = entries.filter(|entry| entry.kind == Kind::Dir);
    Ok(folders.map(|entry| at.join(entry.name)).collect())
}

fn remove_empty(top: &Dir) -> files::Result<()> {
    let images = folders(top, Path::new(""))?;
    for folder in contexts(top)?.into_iter().chain(images) {
        if top.dir(&folder)?.entries()?.is_empty() {
            top.remove_tree(&folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
