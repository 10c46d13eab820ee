//! The wheel store: what `slipway/pip` has installed and compiled, kept for builds of other applications of the same user.
//!
//! ```text
//! lock                                held shared by every build that sees the store, exclusively while an entry is removed
//! <build image>/<context>/<wheel>/    one entry: what a wheel becomes with this image, in this context of the buildpack
//!     list                            its files with their digests (docs/formats/wheels.md); its time is that of the last use
//!     files/                          the files themselves
//! ```
//!
//! Nothing in it counts but what a digest in a list vouches for, so nothing is synced, and anything may vanish at any time. Who may see
//! it and add to it: docs/decisions/0007.

mod list;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
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

/// What an entry consists of; its time is that of the last use.
pub(crate) const LIST: &str = "list";
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
    /// Opens the store for a build in `workdir`; `None` while entries are removed.
    pub(crate) fn open(
        host: &Host<'_>,
        build_image: &Image,
        workdir: &Path,
    ) -> Result<Option<Shelf>> {
        let doing = "opening the wheel store";
        let top = host.state.wheels();
        let held = match Lock::shared(&host.state.wheels_lock(), Duration::ZERO) {
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

    /// Keeps what a build has made, which the agent has said to be sound. `layers` is the folder of all layers; of those in `needed`, by
    /// their names below it, files are copied, of others they are moved away.
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
            let list = Path::new(wheel).join(LIST);
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
        let from = Dir::open(&layers.join(BUILDPACK)).doing(doing())?;
        let new = PathBuf::from(format!(".new-{}-{}", std::process::id(), wheel.hex()));
        into.remove_tree(&new).doing(doing())?;
        let entry = into.create_dir(&new, 0o755).doing(doing())?;
        let files = entry.create_dir(Path::new("files"), 0o755).doing(doing())?;
        for file in &list.files {
            let path = real(&from, &Path::new(list.layer).join(file.path)).doing(doing())?;
            let layer = path.components().next();
            let copied =
                layer.is_some_and(|name| needed.contains(&Path::new(BUILDPACK).join(name)));
            one(&from, &path, file, &files, copied).doing(doing())?;
        }
        let mut at = entry.create_file(Path::new(LIST), 0o644).doing(doing())?;
        io::Write::write_all(&mut at, list.text.as_bytes()).doing(doing())?;
        at.set_modified(self.now).doing(doing())?;
        // Another build may have been first, or the one there is broken.
        let place = PathBuf::from(wheel.hex());
        into.remove_tree(&place).doing(doing())?;
        into.rename(&new, &place).doing(doing())
    }
}

/// Where a file lies whose package has a layer of its own: behind a relative link in the other layer, which leads to a sibling. All
/// other links are left to fail.
fn real(layers: &Dir, path: &Path) -> files::Result<PathBuf> {
    let mut folder = PathBuf::new();
    let mut names = path.components();
    while let Some(name) = names.next() {
        let at = folder.join(name);
        if layers
            .stat(&at)?
            .is_some_and(|stat| stat.kind == Kind::Symlink)
        {
            let target = layers.read_link(&at)?;
            let real = target
                .components()
                .try_fold(folder, |folder, step| match step {
                    Component::ParentDir => folder.parent().map(Path::to_owned),
                    Component::Normal(name) => Some(folder.join(name)),
                    _ => None,
                });
            return Ok(real.map_or(at, |real| real.join(names.as_path())));
        }
        folder = at;
    }
    Ok(folder)
}

/// Moves or copies one file, which lies at `path`, once it is what its list says.
fn one(from: &Dir, path: &Path, file: &File<'_>, into: &Dir, copied: bool) -> Result<()> {
    let doing = || format!("keeping {}", file.path.display());
    let mode = if file.executable { 0o755 } else { 0o644 };
    let parent = file.path.parent().unwrap_or(Path::new(""));
    into.create_dir_all(parent, 0o755).doing(doing())?;
    let mut source = from.file(path).doing(doing())?;
    if sum(&mut source, file.size_bytes).doing(doing())? != file.digest {
        return Err(unfit(format!("{} is not as listed", file.path.display())));
    }
    if copied {
        let mut source = from.file(path).doing(doing())?;
        let mut to = into.create_file(file.path, mode).doing(doing())?;
        io::copy(&mut source, &mut to).doing(doing())?;
        return Ok(());
    }
    from.rename_into(path, into, file.path).doing(doing())?;
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

/// The folders whose entries are wheels.
pub(crate) fn contexts(top: &Path) -> Vec<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = Dir::open(path)
            .and_then(|dir| dir.entries())
            .unwrap_or_default();
        let folders = entries.into_iter().filter(|entry| entry.kind == Kind::Dir);
        folders.map(|entry| path.join(entry.name)).collect()
    };
    folders(top)
        .iter()
        .flat_map(|image| folders(image))
        .collect()
}

#[cfg(test)]
mod tests;
