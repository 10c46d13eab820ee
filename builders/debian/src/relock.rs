//! New locks: what the archives offer now, for one image.

use std::collections::{BTreeMap, BTreeSet};

use crate::Access;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Lock, Pin};
use crate::offers::{self, Offers};
use crate::recipe::{Image, Recipe};
use crate::resolve::{Wanted, resolve};
use crate::version::Version;

/// Locks of all images of a release with the newest packages on offer: name of the image → text.
///
/// They are made from one state of the archives, so what images have in common has one version.
pub fn relock(recipe: &Recipe, access: &Access<'_>) -> Result<BTreeMap<String, String>> {
    let offers = offers::ask(recipe, access)?;
    recipe
        .images()
        .map(|name| {
            let lock = locked(recipe, &recipe.image(name)?, &offers)?;
            Ok((name.to_owned(), lock.text()))
        })
        .collect()
}

pub(crate) fn locked(recipe: &Recipe, image: &Image, offers: &Offers) -> Result<Lock> {
    let wanted = Wanted {
        packages: image.packages.iter().map(String::as_str).collect(),
        omit: image.omit.iter().map(String::as_str).collect(),
        essential: image.essential,
    };
    let chosen = resolve(&offers.packages, &wanted)?;
    Ok(Lock::new(
        recipe.digest(image)?,
        offers.suites.clone(),
        &chosen,
    ))
}

/// The lock again, with whatever can no longer be had replaced by what is on offer now.
///
/// Packages of one source change together, and so does what they newly need; the rest stays.
pub(crate) fn replaced(
    recipe: &Recipe,
    image: &Image,
    lock: &Lock,
    vanished: &[String],
    access: &Access<'_>,
) -> Result<Lock> {
    let offers = offers::ask(recipe, access)?;
    let fresh = locked(recipe, image, &offers)?;
    let mut sources: BTreeSet<&str> = vanished
        .iter()
        .filter_map(|name| lock.packages.get(name))
        .map(|pin| pin.source.as_str())
        .collect();
    let packages = loop {
        let mixed = mixed(lock, &fresh, &sources);
        match too_old(&mixed, &fresh, &offers)? {
            Some(source) if sources.insert(source) => {}
            _ => break mixed,
        }
    };
    let replaced = Lock {
        packages,
        ..fresh.clone()
    };
    match vanished
        .iter()
        .find(|name| replaced.packages.get(*name) == lock.packages.get(*name))
    {
        Some(name) => Err(Error::new(
            ErrorKind::Vanished,
            format!("{name} is listed by the archive but cannot be fetched from it"),
        )),
        None => Ok(replaced),
    }
}

/// The fresh packages, but those whose source is not in `sources` as they were.
fn mixed(lock: &Lock, fresh: &Lock, sources: &BTreeSet<&str>) -> BTreeMap<String, Pin> {
    let one = |(name, pin): (&String, &Pin)| {
        let old = lock.packages.get(name);
        let old = old.filter(|old| !sources.contains(old.source.as_str()));
        (name.clone(), old.unwrap_or(pin).clone())
    };
    fresh.packages.iter().map(one).collect()
}

/// Source of a package that stayed although a new one needs a later version of it.
fn too_old<'a>(
    mixed: &BTreeMap<String, Pin>,
    fresh: &'a Lock,
    offers: &Offers,
) -> Result<Option<&'a str>> {
    for (name, pin) in mixed {
        let Some(package) = offers.packages.get(name) else {
            continue;
        };
        if package.version.as_str() != pin.version {
            continue;
        }
        for relation in package.needs()?.into_iter().flatten() {
            let needed = mixed.get(&relation.name);
            let new = fresh.packages.get(&relation.name);
            if let (Some(needed), Some(new)) = (needed, new)
                && needed != new
                && !relation.accepts(&Version::new(&needed.version))
            {
                return Ok(Some(&new.source));
            }
        }
    }
    Ok(None)
}
