//! The programs that are disturbed. Doing one again is harmless.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crashrec::images;
use oci::{Image, Images, Layout, Local, Memory, Store};

use crate::world::{LAYOUT, STORE, old};
use crate::{Result, text};

/// One program's work in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Makes two images in the store: one under a new name, one under a name that another image has.
    Publish,
    /// Copies the layout's image into the store.
    Import,
    /// Copies an image of the store into the layout, beside what is there.
    Export,
    /// Gives a second name, moves one, removes one.
    Tag,
    Collect,
    /// Wrong: the name is there before what it names.
    NameFirst,
    /// Wrong: says that all is well when it is not.
    Swallow,
    /// Wrong: syncs a file again when that failed.
    SyncTwice,
}

impl Work {
    pub const ALL: [Work; 8] = [
        Work::Publish,
        Work::Import,
        Work::Export,
        Work::Tag,
        Work::Collect,
        Work::NameFirst,
        Work::Swallow,
        Work::SyncTwice,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Work::Publish => "publish",
            Work::Import => "import",
            Work::Export => "export",
            Work::Tag => "tag",
            Work::Collect => "collect",
            Work::NameFirst => "name-first",
            Work::Swallow => "swallow",
            Work::SyncTwice => "sync-twice",
        }
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Work, String> {
        Work::ALL
            .into_iter()
            .find(|work| work.name() == name)
            .ok_or_else(|| format!("{name}: no such work"))
    }
}

pub fn work(world: &Path, work: Work) -> Result<()> {
    if work == Work::SyncTwice {
        return sync_twice(world);
    }
    let store = Local::open(&world.join(STORE))?;
    match work {
        Work::Publish => publish(&store),
        Work::Import => import(world, &store),
        Work::Export => export(world, &store),
        Work::Tag => tag(&store),
        Work::Collect => Ok(store.collect().map(drop)?),
        Work::NameFirst => name_first(&store),
        Work::Swallow => {
            if let Err(error) = publish(&store) {
                eprintln!("ignored: {}", text(&*error));
            }
            Ok(())
        }
        Work::SyncTwice => unreachable!("it was done above"),
    }
}

fn publish(store: &Arc<Local>) -> Result<()> {
    let as_store: Arc<dyn Store> = store.clone();
    for (seed, name) in [(10, 7), (11, 0)] {
        let image = images::image(seed, &as_store)?;
        store.publish(&image, &[old(name)])?;
    }
    Ok(())
}

fn import(world: &Path, store: &Arc<Local>) -> Result<()> {
    let image = Layout::open(&world.join(LAYOUT))?.find(&old(0))?;
    store.publish(&image.ok_or("the layout's image is gone")?, &[old(8)])?;
    Ok(())
}

fn export(world: &Path, store: &Arc<Local>) -> Result<()> {
    let image = store.find(&old(1))?.ok_or("the old image is gone")?;
    let name = old(1).with_tag("exported")?;
    Layout::create(&world.join(LAYOUT))?.publish(&image, &[name])?;
    Ok(())
}

fn tag(store: &Arc<Local>) -> Result<()> {
    let found = |number| -> Result<Image> { Ok(store.find(&old(number))?.ok_or("gone")?) };
    store.tag(&found(1)?.descriptor(), &[old(9), old(0)])?;
    store.remove(&old(2))?;
    Ok(())
}

fn sync_twice(world: &Path) -> Result<()> {
    let (part, name) = (world.join(".new-note"), world.join("note"));
    let mut file = File::create(&part)?;
    file.write_all(b"a note")?;
    file.sync_all().or_else(|_| file.sync_all())?;
    Ok(std::fs::rename(part, name)?)
}

fn name_first(store: &Arc<Local>) -> Result<()> {
    let memory: Arc<dyn Store> = Memory::new();
    let image = images::image(10, &memory)?;
    store.tag(&image.descriptor(), &[old(7)])?;
    image.write_to(&**store)?;
    Ok(())
}
