//! The whole way: lock → packages → tree → rules → layers → image.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::fetch::{self, Fetched, cached, fetch};
use crate::glob::Patterns;
use crate::layers;
use crate::lock::{Lock, Pin};
use crate::locks;
use crate::manifest;
use crate::offers::storage;
use crate::recipe::{Image, Recipe};
use crate::relock;
use crate::settle::{self, settle};
use crate::spool::{self, Task};
use crate::tree::{Filter, Tree, failed, order};
use crate::{Base, Event, Plan, World};

/// How long one process waits for another that assembles with the same cache.
const PATIENCE: Duration = Duration::from_mins(10);

/// Makes a base image of a shipped release (`trixie`): `static`, `tiny`, `python` or `build-lite`.
///
/// The same lock gives the same digest everywhere: no clock, user, folder or umask has a part in it. What was assembled
/// before and is still in the store is only looked up. Processes with one cache take turns.
pub fn assemble(release: &str, image: &str, world: &World<'_>) -> Result<Base> {
    assemble_from(&Recipe::shipped(release)?, image, world)
}

/// As [`assemble`], from any recipe.
pub fn assemble_from(recipe: &Recipe, name: &str, world: &World<'_>) -> Result<Base> {
    let image = recipe.image(name)?;
    let lock = locks::choose(recipe, name, &image, world)?;
    if let Some(base) = known(recipe, name, &lock, world)? {
        return Ok(base);
    }
    fs::create_dir_all(world.cache).map_err(|error| storage("making the cache", error))?;
    let _turn =
        files::Lock::exclusive(&world.cache.join("assemble.lock"), PATIENCE).map_err(failed)?;
    if let Some(base) = known(recipe, name, &lock, world)? {
        return Ok(base);
    }
    let lock = available(recipe, name, &image, lock, world)?;
    let base = make(recipe, name, &image, &lock, world)?;
    remember(recipe, name, &lock, &base, world)?;
    Ok(base)
}

/// Says what [`assemble`] would download into `cache` with the lock it would use without asking the network.
pub fn plan(release: &str, image: &str, cache: &Path) -> Result<Plan> {
    let recipe = Recipe::shipped(release)?;
    let lock = locks::newest(&recipe, image, &recipe.image(image)?, cache)?.ok_or_else(|| {
        Error::new(
            ErrorKind::Unknown,
            format!("there is no lock for {release} {image}"),
        )
    })?;
    let missing = fetch::missing(cache, &lock);
    Ok(Plan {
        name: manifest::name(&recipe, image, &lock),
        download_bytes: missing.iter().map(|(_, pin)| pin.size).sum(),
        packages: lock
            .packages
            .iter()
            .map(|(name, pin)| (name.clone(), pin.version.clone(), pin.size))
            .collect(),
    })
}

/// The lock whose packages are all in the cache: the given one, or one with replacements for what has vanished.
pub(crate) fn available(
    recipe: &Recipe,
    name: &str,
    image: &Image,
    lock: Lock,
    world: &World<'_>,
) -> Result<Lock> {
    let Fetched::Vanished(vanished) = fetch(recipe, &lock, &world.access())? else {
        return Ok(lock);
    };
    if world.locked {
        return Err(refused(recipe, name, &lock, &vanished));
    }
    let replaced = relock::replaced(recipe, image, &lock, &vanished, &world.access())?;
    locks::tell(&lock, &replaced, world.events);
    match fetch(recipe, &replaced, &world.access())? {
        Fetched::All => {
            locks::keep(recipe, name, &replaced, world.cache)?;
            Ok(replaced)
        }
        Fetched::Vanished(vanished) => Err(refused(recipe, name, &replaced, &vanished)),
    }
}

fn refused(recipe: &Recipe, image: &str, lock: &Lock, vanished: &[String]) -> Error {
    let named: Vec<String> = vanished
        .iter()
        .map(|name| {
            let version = lock
                .packages
                .get(name)
                .map_or("", |pin| pin.version.as_str());
            format!("{name} {version}")
        })
        .collect();
    let what = format!(
        "the lock of {}-{image} names packages that no archive has any more: {}",
        recipe.release,
        named.join(", ")
    );
    Error::new(ErrorKind::Vanished, what).helped(
        "build without --locked to take the versions that replaced them, or update the lock",
    )
}

/// Everything from packages in the cache to layers in the store.
fn make(
    recipe: &Recipe,
    name: &str,
    image: &Image,
    lock: &Lock,
    world: &World<'_>,
) -> Result<Base> {
    let work = Work::new(world.cache)?;
    let mut tree = Tree::new(&work.0.join("root"))?;
    let filter = Filter {
        drop: Patterns::new(recipe.drop.paths.iter().map(String::as_str))?,
        keep: Patterns::new(recipe.drop.keep.iter().map(String::as_str))?,
    };
    let packages = order(&lock.packages);
    let task = |(_, pin): &(&str, &Pin)| Task {
        path: cached(world.cache, pin),
        sha256: pin.sha256.clone(),
    };
    let tasks = packages.iter().map(task).collect();
    spool::in_order(
        tasks,
        &work.0.join("spool"),
        &mut |index, deb| match packages.get(index) {
            Some((package, pin)) => tree.unpack(package, pin, &deb, &filter),
            None => Ok(()),
        },
    )?;
    let settled = settle(&mut tree, image, world.interpreter)?;
    manifest::record(&mut tree, recipe, name, image, lock)?;
    let mut described = manifest::describe(&tree, recipe, name, image, lock, &settled);
    for group in layers::groups(&tree, recipe, image.kind)? {
        (world.events)(Event::Assembling {
            layer: group.name.clone(),
        });
        let layer = group.pack(&tree, &world.store)?;
        described = described.append(layer, &manifest::history(recipe, name, &group.name));
    }
    Ok(base(recipe, name, lock, described))
}

fn base(recipe: &Recipe, name: &str, lock: &Lock, image: oci::Image) -> Base {
    Base {
        name: manifest::name(recipe, name, lock),
        image,
        lock_digest: lock.digest().hex(),
    }
}

/// Where an assembled image is remembered: named by everything that it depends on.
fn memory(recipe: &Recipe, name: &str, lock: &Lock, cache: &Path) -> PathBuf {
    let rules = settle::VERSION;
    let packing = oci::tarball::PACKING;
    let all = format!(
        "{name}\n{rules}\n{packing}\n{}\n{}",
        recipe.text,
        lock.text()
    );
    cache
        .join("bases")
        .join(oci::Digest::of(all.as_bytes()).hex())
}

/// The image as it was assembled before, if every layer is still in the store.
fn known(recipe: &Recipe, name: &str, lock: &Lock, world: &World<'_>) -> Result<Option<Base>> {
    let folder = memory(recipe, name, lock, world.cache);
    let (Ok(manifest), Ok(config)) = (
        fs::read(folder.join("manifest.json")),
        fs::read(folder.join("config.json")),
    ) else {
        return Ok(None);
    };
    let source = std::sync::Arc::clone(&world.store);
    // What cannot be read is made again.
    let Ok(image) = oci::Image::parse(&manifest, &config, source) else {
        return Ok(None);
    };
    for layer in image.layers() {
        let contained = world.store.contains(layer.blob.descriptor.digest);
        if !contained
            .map_err(|error| Error::new(ErrorKind::Storage, "looking for layers").because(error))?
        {
            return Ok(None);
        }
    }
    Ok(Some(base(recipe, name, lock, image)))
}

fn remember(
    recipe: &Recipe,
    name: &str,
    lock: &Lock,
    base: &Base,
    world: &World<'_>,
) -> Result<()> {
    let folder = memory(recipe, name, lock, world.cache);
    fs::create_dir_all(&folder).map_err(|error| storage("remembering the base image", error))?;
    files::write_durable(&folder.join("config.json"), &base.image.config_bytes())
        .map_err(failed)?;
    files::write_durable(&folder.join("manifest.json"), &base.image.manifest_bytes())
        .map_err(failed)
}

/// An empty folder for one assembly; whoever died before left the last one, which goes now.
struct Work(PathBuf);

impl Work {
    fn new(cache: &Path) -> Result<Work> {
        let folder = cache.join("work");
        files::remove_tree(&folder).map_err(failed)?;
        for name in ["root", "spool"] {
            fs::create_dir_all(folder.join(name))
                .map_err(|error| storage("making a folder to work in", error))?;
        }
        Ok(Work(folder))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // The next assembly tries again.
        let _ = files::remove_tree(&self.0);
    }
}
