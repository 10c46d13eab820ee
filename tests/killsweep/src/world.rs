//! A folder with everything a command may change: a store, and layouts beside it. What can be seen there is its state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crashrec::{images, judge};
use oci::{Digest, Image, Images, Layout, Local, Reference, Store};
use tempfile::TempDir;

use crate::{Result, text};

pub(crate) const STORE: &str = "store";
pub(crate) const LAYOUT: &str = "layout";

/// What has a name, and which image it is. Every image was read whole.
pub(crate) type State = BTreeMap<String, Digest>;

/// Reads everything that can be seen in `world`; the other list says what of it does not work.
pub(crate) fn state(world: &Path) -> (State, Vec<String>) {
    let (mut state, mut broken) = (State::new(), Vec::new());
    if let Err(error) = names(&world.join(STORE), &mut state, &mut broken) {
        broken.push(format!("the store: {}", text(&error)));
    }
    if let Err(error) = entries(&world.join(LAYOUT), &mut state, &mut broken) {
        broken.push(format!("the layout: {}", text(&error)));
    }
    (state, broken)
}

fn names(path: &Path, state: &mut State, broken: &mut Vec<String>) -> oci::Result<()> {
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

fn entries(path: &Path, state: &mut State, broken: &mut Vec<String>) -> oci::Result<()> {
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

/// What still has to be complained about or tidied in the store after a collection.
pub(crate) fn residue(world: &Path) -> Vec<String> {
    let store = world.join(STORE);
    let checked = Local::open(&store).and_then(|store| {
        store.collect()?;
        store.check()
    });
    let mut residue: Vec<String> = match checked {
        Ok(damage) if damage.is_none() => Vec::new(),
        Ok(damage) => vec![format!("the check found {damage:?}")],
        Err(error) => vec![text(&error)],
    };
    match judge::leftovers(&store) {
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
pub(crate) fn prepare(world: &Path) -> Result<()> {
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

/// A copy of a prepared world.
pub(crate) fn copy(world: &Path, to: &Path) -> Result<PathBuf> {
    let status = Command::new("cp").arg("-a").arg(world).arg(to).status()?;
    if !status.success() {
        return Err(format!("copying {}: {status}", world.display()).into());
    }
    Ok(to.to_owned())
}
