//! A folder with everything a command may change: a store, and layouts beside it. What can be seen there is its state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crashrec::{images, judge};
use oci::{Digest, Image, Images as _, Layout, Local, Reference, Store};
use tempfile::TempDir;

use crate::{Result, text};

pub(crate) const STORE: &str = "store";
pub(crate) const LAYOUT: &str = "layout";
/// Of a store.
pub(crate) const PACKS: &str = "packs";

/// What has a name, and which image it is. Every image was read whole.
pub(crate) type State = BTreeMap<String, Digest>;

/// How worlds of one kind are made, read and judged.
pub(crate) trait World {
    /// Fills a folder that is not there yet.
    fn prepare(&self, world: &Path) -> Result<()>;

    /// Folders that a copy of the world shares with it, relative to it: files there are made and removed and never written to.
    fn shared(&self) -> &'static [&'static str];

    /// Reads everything that can be seen; the other list says what of it does not work.
    fn state(&self, world: &Path) -> (State, Vec<String>);

    /// What still has to be complained about or tidied when nobody is at work; `expected` is all that lies there after an undisturbed
    /// run ([`listing`](World::listing)), when that is known.
    fn residue(&self, world: &Path, expected: Option<&Listing>) -> Vec<String>;

    /// Paths relative to the world, of what always lies there in the same way.
    fn listing(&self, world: &Path) -> Result<Listing>;
}

pub(crate) type Listing = BTreeSet<PathBuf>;

/// The worlds of commands on images: a store and a layout.
pub(crate) struct Images;

impl World for Images {
    fn prepare(&self, world: &Path) -> Result<()> {
        prepare(world)
    }

    fn shared(&self) -> &'static [&'static str] {
        &[]
    }

    fn state(&self, world: &Path) -> (State, Vec<String>) {
        let (mut state, mut broken) = (State::new(), Vec::new());
        names(&world.join(STORE), &mut state, &mut broken);
        entries(&world.join(LAYOUT), &mut state, &mut broken);
        (state, broken)
    }

    fn residue(&self, world: &Path, expected: Option<&Listing>) -> Vec<String> {
        let mut residue = tidied(&world.join(STORE));
        residue.extend(unexpected(self.listing(world), expected));
        residue
    }

    fn listing(&self, world: &Path) -> Result<Listing> {
        // Which packs there are depends on how often something was collected.
        listing(world, &|path| path == Path::new(STORE).join(PACKS))
    }
}

/// Everything below a folder but what lies in folders that `skip` names; all of them relative to it.
pub(crate) fn listing(top: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<Listing> {
    let (mut listing, mut folders) = (Listing::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(top.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() && !skip(&path) {
                folders.push(path.clone());
            }
            listing.insert(path);
        }
    }
    Ok(listing)
}

/// What is there and should not be, and the other way round.
pub(crate) fn unexpected(found: Result<Listing>, expected: Option<&Listing>) -> Vec<String> {
    let Some(expected) = expected else {
        return Vec::new();
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return vec![format!("listing the world: {error}")],
    };
    let left = found.difference(expected);
    let gone = expected.difference(&found);
    left.map(|path| format!("{} is left", path.display()))
        .chain(gone.map(|path| format!("{} is gone", path.display())))
        .collect()
}

/// All names of a store, and which of them do not work.
pub(crate) fn names(path: &Path, state: &mut State, broken: &mut Vec<String>) {
    if let Err(error) = read_names(path, state, broken) {
        broken.push(format!("the store: {}", text(&error)));
    }
}

fn read_names(path: &Path, state: &mut State, broken: &mut Vec<String>) -> oci::Result<()> {
    let store = Local::open(path)?;
    broken.extend(judge::broken_names(&store));
    for named in store.list()? {
        // What does not work was said above.
        if let Ok(Some(image)) = store.find(&named.name) {
            state.insert(format!("store {}", named.name), image.digest());
        }
    }
    Ok(())
}

/// All entries of a layout, and which of them do not work.
pub(crate) fn entries(path: &Path, state: &mut State, broken: &mut Vec<String>) {
    if let Err(error) = read_entries(path, state, broken) {
        broken.push(format!("the layout: {}", text(&error)));
    }
}

fn read_entries(path: &Path, state: &mut State, broken: &mut Vec<String>) -> oci::Result<()> {
    let layout = Layout::open(path)?;
    let source: Arc<dyn oci::Source> = Arc::new(layout.clone());
    for entry in layout.index()?.entries() {
        let name = entry.annotation("io.containerd.image.name");
        let name = format!("layout {}", name.unwrap_or_default());
        let image = Image::read(source.clone(), &entry.descriptor);
        match image.and_then(|image| images::verify(&image).map(|()| image.digest())) {
            Ok(digest) => drop(state.insert(name, digest)),
            Err(error) => broken.push(format!("{name}: {}", text(&error))),
        }
    }
    Ok(())
}

/// What still has to be complained about or tidied in a store after a collection.
pub(crate) fn tidied(store: &Path) -> Vec<String> {
    let checked = Local::open(store).and_then(|store| {
        store.collect()?;
        store.check()
    });
    let mut residue: Vec<String> = match checked {
        Ok(damage) if damage.is_none() => Vec::new(),
        Ok(damage) => vec![format!("the check found {damage:?}")],
        Err(error) => vec![text(&error)],
    };
    match judge::leftovers(store) {
        Ok(paths) => residue.extend(paths.iter().map(|path| format!("{path} is left"))),
        Err(error) => residue.push(format!("looking for leftovers: {error}")),
    }
    residue
}

/// A folder in memory where there is one: kills and failing calls are the same there, and nobody waits for a disk.
pub(crate) fn scratch() -> std::io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// Names that are there before every command.
pub(crate) fn old(number: usize) -> Reference {
    images::reference(0, number)
}

/// A world with three names, an image without a name, and a layout with one image.
fn prepare(world: &Path) -> Result<()> {
    let store = Local::open(&world.join(STORE))?;
    let as_store: Arc<dyn Store> = store.clone();
    for number in 0..4 {
        let image = images::image(number as u64, &as_store)?;
        store.publish(&image, &[old(number)])?;
    }
    store.remove(&old(3))?;
    let memory: Arc<dyn Store> = oci::Memory::new();
    let image = images::image(20, &memory)?;
    Layout::create(&world.join(LAYOUT))?.publish(&image, &[old(0)])?;
    Ok(())
}

/// A copy of a prepared world; the folders `shared`, relative to it, are made of links.
pub(crate) fn copy(world: &Path, to: &Path, shared: &[&str]) -> Result<PathBuf> {
    copy_below(world, to, Path::new(""), shared)?;
    Ok(to.to_owned())
}

fn copy_below(world: &Path, to: &Path, at: &Path, shared: &[&str]) -> Result<()> {
    let (from, into) = (world.join(at), to.join(at));
    if shared.iter().any(|shared| Path::new(shared) == at) {
        return cp(&["-al"], &from, &into);
    }
    if !shared
        .iter()
        .any(|shared| Path::new(shared).starts_with(at))
    {
        return cp(&["-a"], &from, &into);
    }
    std::fs::create_dir(&into)?;
    std::fs::set_permissions(&into, from.metadata()?.permissions())?;
    for entry in std::fs::read_dir(&from)? {
        copy_below(world, to, &at.join(entry?.file_name()), shared)?;
    }
    Ok(())
}

pub(crate) fn cp(options: &[&str], from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .args(options)
        .arg(from)
        .arg(to)
        .status()?;
    if !status.success() {
        return Err(format!("copying {}: {status}", from.display()).into());
    }
    Ok(())
}
