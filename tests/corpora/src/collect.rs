//! What a collection takes in a store of many images, with nothing to remove and after an image was replaced; and what it takes to find
//! out, as every build does, that none is due.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use harness::Table;
use oci::{History, Image, Images, Layer, Local, Platform, Reference, Store};

use crate::Result;
use crate::export::{AT, STAMP};

const IMAGES: usize = 200;
const ROUNDS: usize = 3;

/// Every image has the layer of `tree` and one of its own.
pub(crate) fn report(tree: &Path, scratch: &Path, table: &mut Table) -> Result<()> {
    eprintln!("making a store of {IMAGES} images");
    let world = tempfile::tempdir_in(scratch)?;
    let at = world.path().join("store");
    {
        let store = Local::open(&at)?;
        let shared = layer(tree, &store)?;
        for number in 0..IMAGES {
            publish(world.path(), &store, &shared, number, "first")?;
        }
    }
    let mut asked = f64::INFINITY;
    let mut idle = f64::INFINITY;
    let mut replaced = f64::INFINITY;
    for round in 0..ROUNDS {
        idle = idle.min(collected(&at)?);
        {
            let store = Local::open(&at)?;
            let shared = layer(tree, &store)?;
            publish(world.path(), &store, &shared, round, "second")?;
        }
        asked = asked.min(due(&at)?);
        replaced = replaced.min(collected(&at)?);
    }
    let question = format!("store of {IMAGES} images: asked whether a collection is due");
    table.told(&question, asked, " ms");
    let what = format!("collection in a store of {IMAGES} images");
    table.told(&format!("{what}: nothing to remove"), idle, " ms");
    table.told(&format!("{what}: one was replaced"), replaced, " ms");
    Ok(())
}

/// Milliseconds; that the answer is no is what every build but a few hears.
fn due(store: &Path) -> Result<f64> {
    let store = Local::open(store)?;
    let start = Instant::now();
    if store.is_due_for_collection()? {
        return Err("one image more makes a collection due".into());
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Milliseconds.
fn collected(store: &Path) -> Result<f64> {
    let store = Local::open(store)?;
    let start = Instant::now();
    store.collect()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn layer(tree: &Path, store: &Arc<Local>) -> Result<Layer> {
    let store: Arc<dyn Store> = store.clone();
    Ok(Layer::pack(tree, Path::new(AT), &STAMP, &store)?)
}

/// An image whose own layer is large enough to be chunks.
fn publish(
    world: &Path,
    store: &Arc<Local>,
    shared: &Layer,
    number: usize,
    version: &str,
) -> Result<()> {
    let app = world.join("app");
    fs::create_dir_all(&app)?;
    let lines = (0..40_000).map(|line| format!("{version} {} {line}\n", number * 7919 + line * 31));
    fs::write(app.join("app.txt"), lines.collect::<String>())?;
    let own = layer(&app, store)?;
    let image = Image::empty(&Platform::host())
        .append(shared.clone(), &History::default())
        .append(own, &History::default());
    store.publish(&image, &[Reference::parse(&format!("app-{number}"))?])?;
    Ok(())
}
