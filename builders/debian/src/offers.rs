//! What the archives of a recipe offer now: release files, their signatures and dates, and the indexes they name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};

use http::Expected;
use lzma_rust2::XzReader;

use crate::date::rfc3339;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{self, Limited};
use crate::packages::Packages;
use crate::recipe::{Archive, Recipe};
use crate::release::{Release, Seen};
use crate::{Access, Event};

/// The only architecture so far.
pub(crate) const ARCHITECTURE: &str = "amd64";

/// Everything on offer, and how new each suite is.
pub(crate) struct Offers {
    pub(crate) packages: Packages,
    /// Suite → date of its release file, RFC 3339.
    pub(crate) suites: BTreeMap<String, String>,
}

/// Asks every suite of the recipe. An index that has not changed is taken from the cache.
pub(crate) fn ask(recipe: &Recipe, access: &Access<'_>) -> Result<Offers> {
    let mut packages = Packages::default();
    let mut suites = BTreeMap::new();
    for (archive, suite) in suites_of(recipe) {
        let release = release(recipe, archive, suite, access)?;
        suites.insert(suite.to_owned(), rfc3339(release.date));
        let index = index(archive, suite, &release, access)?;
        packages.add(BufReader::new(index), &archive.name, ARCHITECTURE)?;
    }
    packages.index_provides()?;
    Ok(Offers { packages, suites })
}

fn suites_of(recipe: &Recipe) -> impl Iterator<Item = (&Archive, &str)> {
    recipe.archive.iter().flat_map(|archive| {
        let suites = archive.suites.iter().map(String::as_str);
        suites.map(move |suite| (archive, suite))
    })
}

/// Date of each suite, RFC 3339; three small requests.
pub(crate) fn dates(recipe: &Recipe, access: &Access<'_>) -> Result<BTreeMap<String, String>> {
    suites_of(recipe)
        .map(|(archive, suite)| {
            let release = release(recipe, archive, suite, access)?;
            Ok((suite.to_owned(), rfc3339(release.date)))
        })
        .collect()
}

/// A release file that is signed, new enough and not older than one seen before.
fn release(
    recipe: &Recipe,
    archive: &Archive,
    suite: &str,
    access: &Access<'_>,
) -> Result<Release> {
    let keyring = recipe.keyring(archive)?;
    let reading = format!("reading the index of {suite}");
    let bytes = first(archive, |mirror| {
        let url = format!("{mirror}/dists/{suite}/InRelease");
        access.http.get(&url, limits::RELEASE_BYTES)
    })
    .map_err(|error| network(&reading, error))?
    .body;
    let now = access.seconds();
    let release = Release::verify(&bytes, &keyring, now)
        .map_err(|error| Error::new(error.kind(), reading.clone()).because(error))?;
    check_age(archive, suite, &release, now, access.events)?;
    Seen::new(&access.cache.join("seen")).check(&archive.name, suite, release.date)?;
    Ok(release)
}

fn check_age(
    archive: &Archive,
    suite: &str,
    release: &Release,
    now: i64,
    events: &dyn Fn(Event),
) -> Result<()> {
    let expired = release
        .valid_until
        .as_ref()
        .filter(|(until, _)| *until < now);
    let too_old = archive
        .max_age_days
        .is_some_and(|days| release.date + days * 86_400 < now);
    if archive.max_age_days.is_some() && (expired.is_some() || too_old) {
        return Err(Error::new(
            ErrorKind::Untrusted,
            format!(
                "the index of {suite} is of {} and no longer valid",
                release.date_text
            ),
        )
        .helped("use a mirror that is up to date, and check this machine's clock"));
    }
    if let Some((_, valid_until)) = expired {
        let (suite, valid_until) = (suite.to_owned(), valid_until.clone());
        events(Event::Stale { suite, valid_until });
    }
    Ok(())
}

/// The unpacked index, fetched by its digest so that it always belongs to the release file.
fn index(
    archive: &Archive,
    suite: &str,
    release: &Release,
    access: &Access<'_>,
) -> Result<impl Read + use<>> {
    let reading = format!("reading the index of {suite}");
    let path = format!("main/binary-{ARCHITECTURE}/Packages.xz");
    let (sha256, size) = release
        .file(&path)
        .ok_or_else(|| Error::malformed(format!("{suite} names no {path}")))?;
    let folder = access.cache.join("indexes");
    let file = folder.join(format!("{sha256}.xz"));
    if !file.exists() {
        fs::create_dir_all(&folder).map_err(|error| storage(&reading, error))?;
        let below = format!("dists/{suite}/main/binary-{ARCHITECTURE}");
        let urls: Vec<String> = archive
            .mirrors
            .iter()
            .flat_map(|mirror| {
                let by_hash = format!("{mirror}/{below}/by-hash/SHA256/{sha256}");
                [by_hash, format!("{mirror}/{below}/Packages.xz")]
            })
            .collect();
        let expected = expected(sha256, size)?;
        access
            .http
            .download(&urls, Some(expected), &file)
            .map_err(|error| network(&reading, error))?;
    }
    let file = File::open(&file).map_err(|error| storage(&reading, error))?;
    let packed = XzReader::new_mem_limit(BufReader::new(file), false, limits::XZ_KIB);
    Ok(Limited::new(packed, limits::INDEX_BYTES))
}

pub(crate) fn expected(sha256: &str, size: u64) -> Result<Expected> {
    let digest = data_encoding::HEXLOWER
        .decode(sha256.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Error::malformed(format!("{sha256:?} is not a digest")))?;
    Ok(Expected {
        sha256: digest,
        size: Some(size),
    })
}

/// The first mirror's answer that is one; otherwise the last error.
fn first<T>(archive: &Archive, ask: impl Fn(&str) -> http::Result<T>) -> http::Result<T> {
    let mut last = None;
    for mirror in &archive.mirrors {
        match ask(mirror) {
            Ok(answer) => return Ok(answer),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error),
        // An archive without mirrors: asking nothing gives the client's own words for it.
        None => ask(""),
    }
}

pub(crate) fn network(doing: &str, error: http::Error) -> Error {
    let kind = match error.kind() {
        http::ErrorKind::Digest | http::ErrorKind::TooLarge | http::ErrorKind::Tls => {
            ErrorKind::Untrusted
        }
        http::ErrorKind::File => ErrorKind::Storage,
        _ => ErrorKind::Network,
    };
    let help = error.help();
    let wrapped = Error::new(kind, doing).because(error);
    match help {
        Some(help) => wrapped.helped(help),
        None => wrapped,
    }
}

pub(crate) fn storage(doing: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, doing).because(error)
}
