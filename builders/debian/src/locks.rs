//! Which lock is used: the shipped one, or a newer one that this machine made.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::lock::Lock;
use crate::offers;
use crate::recipe::{Image, Recipe};
use crate::relock;
use crate::tree::failed;
use crate::{Event, World};

/// Locks that are part of the program.
const SHIPPED: [(&str, &str); 4] = [
    (
        "trixie-build-lite",
        include_str!("../../base/locks/trixie-build-lite.lock"),
    ),
    (
        "trixie-python",
        include_str!("../../base/locks/trixie-python.lock"),
    ),
    (
        "trixie-static",
        include_str!("../../base/locks/trixie-static.lock"),
    ),
    (
        "trixie-tiny",
        include_str!("../../base/locks/trixie-tiny.lock"),
    ),
];

/// The lock to assemble an image with. A binding one is always the shipped one.
///
/// Without any for this recipe, the archives are asked; and so they are when the newest one is older than `world.max_age`.
pub(crate) fn choose(
    recipe: &Recipe,
    name: &str,
    image: &Image,
    world: &World<'_>,
) -> Result<Lock> {
    if world.locked {
        return shipped(recipe, name, image)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Unknown,
                format!(
                    "there is no lock for {}-{name} as its recipe is now",
                    recipe.release
                ),
            )
        });
    }
    match newest(recipe, name, image, world.cache)? {
        None => renew(recipe, name, None, world),
        Some(lock) if is_due(recipe, &lock, world) => match renew(recipe, name, Some(&lock), world)
        {
            Ok(lock) => Ok(lock),
            Err(error) => {
                (world.events)(Event::NotRefreshed {
                    why: error.to_string(),
                });
                Ok(lock)
            }
        },
        Some(lock) => Ok(lock),
    }
}

/// The newer one of the shipped lock and the kept one, as far as they are for this recipe.
pub(crate) fn newest(
    recipe: &Recipe,
    name: &str,
    image: &Image,
    cache: &Path,
) -> Result<Option<Lock>> {
    let shipped = shipped(recipe, name, image)?;
    let digest = recipe.digest(image)?;
    let kept = fs::read_to_string(file(recipe, name, cache))
        .ok()
        .and_then(|text| Lock::parse(&text).ok())
        .filter(|lock| lock.recipe == digest);
    Ok(match (shipped, kept) {
        (Some(shipped), Some(kept)) if shipped.date() > kept.date() => Some(shipped),
        (shipped, kept) => kept.or(shipped),
    })
}

fn shipped(recipe: &Recipe, name: &str, image: &Image) -> Result<Option<Lock>> {
    let key = format!("{}-{name}", recipe.release);
    let Some((_, text)) = SHIPPED.iter().find(|(known, _)| *known == key) else {
        return Ok(None);
    };
    let lock = Lock::parse(text)?;
    let digest = recipe.digest(image)?;
    Ok(Some(lock).filter(|lock| lock.recipe == digest))
}

/// Keeps a lock of this machine's own.
pub(crate) fn keep(recipe: &Recipe, name: &str, lock: &Lock, cache: &Path) -> Result<()> {
    let file = file(recipe, name, cache);
    let folder = cache.join("locks");
    fs::create_dir_all(folder).map_err(|error| offers::storage("keeping a lock", error))?;
    files::write_durable(&file, lock.text().as_bytes()).map_err(failed)
}

fn file(recipe: &Recipe, name: &str, cache: &Path) -> PathBuf {
    cache
        .join("locks")
        .join(format!("{}-{name}.lock", recipe.release))
}

/// Tells what another lock has that the first one had not.
pub(crate) fn tell(old: &Lock, new: &Lock, events: &dyn Fn(Event)) {
    for (package, pin) in &new.packages {
        let locked = old.packages.get(package).map(|old| old.version.clone());
        if locked.as_ref() != Some(&pin.version) {
            events(Event::Replaced {
                package: package.clone(),
                locked: locked.unwrap_or_default(),
                found: pin.version.clone(),
            });
        }
    }
}

/// Whether neither the lock nor the last look at the archives is new enough.
fn is_due(recipe: &Recipe, lock: &Lock, world: &World<'_>) -> bool {
    let Some(max_age) = world.max_age else {
        return false;
    };
    let now = world.access().seconds();
    let limit = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
    let looked = fs::read_to_string(looked_file(recipe, world.cache))
        .ok()
        .and_then(|text| text.trim().parse::<i64>().ok())
        .unwrap_or(0);
    let newest = crate::date::seconds(lock.date()).unwrap_or(0).max(looked);
    now.saturating_sub(newest) > limit
}

fn looked_file(recipe: &Recipe, cache: &Path) -> PathBuf {
    cache
        .join("seen")
        .join(format!("{}.looked", recipe.release))
}

/// Asks the archives. When they have not changed, that is remembered; otherwise all images of the release get new locks,
/// made from one state of the archives.
fn renew(recipe: &Recipe, name: &str, old: Option<&Lock>, world: &World<'_>) -> Result<Lock> {
    let access = world.access();
    if let Some(old) = old
        && offers::dates(recipe, &access)? == old.suites
    {
        looked(recipe, world)?;
        return Ok(old.clone());
    }
    let offers = offers::ask(recipe, &access)?;
    let mut wanted = None;
    for other in recipe.images() {
        let lock = relock::locked(recipe, &recipe.image(other)?, &offers)?;
        keep(recipe, other, &lock, world.cache)?;
        if other == name {
            wanted = Some(lock);
        }
    }
    looked(recipe, world)?;
    let lock = wanted
        .ok_or_else(|| Error::new(ErrorKind::Unknown, format!("there is no image {name}")))?;
    match old {
        // Only dates changed: the same image keeps its name.
        Some(old) if old.packages == lock.packages => {
            keep(recipe, name, old, world.cache)?;
            Ok(old.clone())
        }
        Some(old) => {
            tell(old, &lock, world.events);
            Ok(lock)
        }
        None => Ok(lock),
    }
}

fn looked(recipe: &Recipe, world: &World<'_>) -> Result<()> {
    let file = looked_file(recipe, world.cache);
    fs::create_dir_all(world.cache.join("seen"))
        .map_err(|error| offers::storage("remembering a look", error))?;
    let now = world.access().seconds();
    files::write_durable(&file, format!("{now}\n").as_bytes()).map_err(failed)
}
