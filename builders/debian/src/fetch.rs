//! Packages by their digest: from the cache, from mirrors, at last from the archive of archives.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread;

use crate::date::snapshot_stamp;
use crate::error::Result;
use crate::lock::{Lock, Pin};
use crate::offers::{expected, network, storage};
use crate::recipe::Recipe;
use crate::{Access, Event};

/// At most this many connections; mirrors are shared with others.
const CONNECTIONS: usize = 4;

/// What came of fetching the packages of a lock.
pub(crate) enum Fetched {
    /// All are in the cache.
    All,
    /// These are nowhere to be had, by name.
    Vanished(Vec<String>),
}

/// Where a package lies in the cache.
pub(crate) fn cached(cache: &Path, pin: &Pin) -> PathBuf {
    cache.join("debs").join(format!("{}.deb", pin.sha256))
}

/// Packages of a lock that are not in the cache, by name. Sizes are compared, digests when a package is opened.
pub(crate) fn missing<'a>(cache: &Path, lock: &'a Lock) -> Vec<(&'a str, &'a Pin)> {
    lock.packages
        .iter()
        .filter(|(_, pin)| {
            let found = fs::metadata(cached(cache, pin));
            found.map_or(true, |found| found.len() != pin.size)
        })
        .map(|(name, pin)| (name.as_str(), pin))
        .collect()
}

/// Puts every package of a lock into the cache.
pub(crate) fn fetch(recipe: &Recipe, lock: &Lock, access: &Access<'_>) -> Result<Fetched> {
    let missing = missing(access.cache, lock);
    if missing.is_empty() {
        return Ok(Fetched::All);
    }
    (access.events)(Event::Fetching {
        packages: missing.len(),
        bytes: missing.iter().map(|(_, pin)| pin.size).sum(),
    });
    let folder = access.cache.join("debs");
    fs::create_dir_all(&folder).map_err(|error| storage("making the package cache", error))?;
    let gone = from_mirrors(recipe, &missing, access)?;
    let mut vanished = Vec::new();
    // One at a time: the archive of archives is slow and limits its visitors. When it does not answer, it is not asked again.
    let mut answers = true;
    for (name, pin) in gone {
        let asked = answers.then(|| from_snapshot(recipe, lock, pin, access));
        match asked.flatten() {
            Some(Ok(())) => continue,
            Some(Err(error)) => answers = error.kind() == http::ErrorKind::NotFound,
            None => {}
        }
        vanished.push(name.to_owned());
    }
    Ok(if vanished.is_empty() {
        Fetched::All
    } else {
        Fetched::Vanished(vanished)
    })
}

/// Returns the packages that no mirror has.
fn from_mirrors<'a>(
    recipe: &Recipe,
    missing: &[(&'a str, &'a Pin)],
    access: &Access<'_>,
) -> Result<Vec<(&'a str, &'a Pin)>> {
    let open = Mutex::new(missing.iter());
    let (cache, http) = (access.cache, access.http);
    let mut gone = Vec::new();
    let mut bytes = 0;
    thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        for _ in 0..CONNECTIONS.min(missing.len()) {
            let (open, done) = (&open, done.clone());
            scope.spawn(move || {
                let next = || open.lock().ok().and_then(|mut open| open.next());
                while let Some((name, pin)) = next() {
                    let result = from_mirror(recipe, pin, cache, http);
                    // Nobody listens any more when another package failed: the rest would only make the user wait.
                    if done.send((*name, *pin, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        for (name, pin, result) in results {
            match result {
                Ok(true) => {
                    bytes += pin.size;
                    (access.events)(Event::Fetched { bytes });
                }
                Ok(false) => gone.push((name, pin)),
                Err(error) => {
                    return Err(network(&format!("fetching {name} {}", pin.version), error));
                }
            }
        }
        Ok(())
    })?;
    gone.sort_by_key(|(name, _)| *name);
    Ok(gone)
}

/// `Ok(false)` when the mirrors say that they do not have these bytes.
fn from_mirror(
    recipe: &Recipe,
    pin: &Pin,
    cache: &Path,
    http: &http::Client,
) -> http::Result<bool> {
    let mirrors = recipe.archive(&pin.archive).map(|archive| &archive.mirrors);
    let urls: Vec<String> = mirrors
        .into_iter()
        .flatten()
        .map(|mirror| format!("{mirror}/{}", pin.path))
        .collect();
    let Ok(expected) = expected(&pin.sha256, pin.size) else {
        return Ok(false);
    };
    match http.download(&urls, Some(expected), &cached(cache, pin)) {
        Ok(()) => Ok(true),
        // Another file under the same name is as good as none.
        Err(error)
            if matches!(
                error.kind(),
                http::ErrorKind::NotFound | http::ErrorKind::Digest | http::ErrorKind::TooLarge
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// `None` when there is no such archive.
fn from_snapshot(
    recipe: &Recipe,
    lock: &Lock,
    pin: &Pin,
    access: &Access<'_>,
) -> Option<http::Result<()>> {
    let snapshot = recipe.snapshot.as_ref()?;
    let expected = expected(&pin.sha256, pin.size).ok()?;
    let stamp = snapshot_stamp(lock.date());
    let url = format!("{snapshot}/{}/{stamp}/{}", pin.archive, pin.path);
    let to = cached(access.cache, pin);
    Some(access.http.download(&[url], Some(expected), &to))
}
