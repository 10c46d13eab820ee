//! Which bytes exactly an image is made of. One line per package, so that a change is one line.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::packages::Package;

/// Packages by name, with where they were found and when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    pub(crate) version: u32,
    /// Digest of the part of the recipe it was made for.
    pub(crate) recipe: String,
    /// Suite → date of its release file, RFC 3339.
    pub(crate) suites: BTreeMap<String, String>,
    #[serde(rename = "amd64")]
    pub(crate) packages: BTreeMap<String, Pin>,
}

/// One package: identity is the digest, the path only says where it may be found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    pub(crate) version: String,
    pub(crate) source: String,
    pub(crate) archive: String,
    pub(crate) path: String,
    /// In bytes.
    pub(crate) size: u64,
    /// In hex.
    pub(crate) sha256: String,
}

impl Lock {
    pub(crate) fn new(
        recipe: String,
        suites: BTreeMap<String, String>,
        chosen: &BTreeMap<String, &Package>,
    ) -> Lock {
        let pin = |package: &Package| Pin {
            version: package.version.to_string(),
            source: package.source.clone(),
            archive: package.archive.clone(),
            path: package.path.clone(),
            size: package.size,
            sha256: package.sha256.clone(),
        };
        let packages = chosen
            .iter()
            .map(|(name, package)| (name.clone(), pin(package)));
        Lock {
            version: 1,
            recipe,
            suites,
            packages: packages.collect(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Lock> {
        let lock: Lock = toml::from_str(text)
            .map_err(|error| Error::malformed("reading a lock").because(error))?;
        let is_digest = |pin: &Pin| {
            pin.sha256.len() == 64 && pin.sha256.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if lock.version != 1 {
            return Err(Error::malformed(format!(
                "a lock of version {}",
                lock.version
            )));
        }
        match lock.packages.iter().find(|(_, pin)| !is_digest(pin)) {
            Some((name, _)) => Err(Error::malformed(format!(
                "the lock of {name} has no digest"
            ))),
            None => Ok(lock),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "version = {}\nrecipe = {:?}\n\n[suites]\n",
            self.version, self.recipe
        );
        for (suite, date) in &self.suites {
            let _ = writeln!(text, "{suite:?} = {date:?}");
        }
        text.push_str("\n[amd64]\n");
        for (name, pin) in &self.packages {
            let Pin {
                version,
                source,
                archive,
                path,
                size,
                sha256,
            } = pin;
            let _ = writeln!(
                text,
                "{name:?} = {{ version = {version:?}, source = {source:?}, archive = {archive:?}, path = {path:?}, size = {size}, sha256 = {sha256:?} }}"
            );
        }
        text
    }

    /// Of the text.
    pub(crate) fn digest(&self) -> oci::Digest {
        oci::Digest::of(self.text().as_bytes())
    }

    /// When the newest of its suites was made; RFC 3339.
    pub(crate) fn date(&self) -> &str {
        self.suites
            .values()
            .max()
            .map_or("1970-01-01T00:00:00Z", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lock, Pin};

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let pin = Pin {
            version: "1:2.0~rc1-3+b1".to_owned(),
            source: "src".to_owned(),
            archive: "debian".to_owned(),
            path: "pool/main/s/src/name_2.0~rc1-3+b1_amd64.deb".to_owned(),
            size: 12,
            sha256: "a".repeat(64),
        };
        let lock = Lock {
            version: 1,
            recipe: "sha256:00".to_owned(),
            suites: [("trixie".to_owned(), "2026-09-12T07:55:41Z".to_owned())].into(),
            packages: [("name+x.y".to_owned(), pin)].into(),
        };
        let text = lock.text();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert_eq!(
            text.lines()
                .filter(|line| line.contains("sha256 ="))
                .count(),
            1
        );
        assert_eq!(lock.date(), "2026-09-12T07:55:41Z");
        assert!(Lock::parse(&text.replace("version = 1\n", "version = 2\n")).is_err());
        assert!(Lock::parse(&text.replace(&"a".repeat(64), "..")).is_err());
    }
}
