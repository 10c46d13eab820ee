//! What an archive's `InRelease` says, once its signature and its date are believed.

mod frame;
mod keys;
mod openpgp;
mod seen;

use std::collections::BTreeMap;

use crate::control::Paragraph;
use crate::error::{Error, ErrorKind, Result};

pub(crate) use keys::Keyring;
pub(crate) use seen::Seen;

/// A verified release file.
#[derive(Debug)]
pub(crate) struct Release {
    /// Seconds since 1970.
    pub(crate) date: i64,
    /// As written.
    pub(crate) date_text: String,
    /// Seconds since 1970 and as written, where the archive says one.
    pub(crate) valid_until: Option<(i64, String)>,
    /// Path below `dists/<suite>/` → SHA-256 in hex and size in bytes.
    files: BTreeMap<String, (String, u64)>,
}

impl Release {
    /// Believes `bytes` if one of the keyring's keys signed them and none of those that did signed something else.
    ///
    /// `now` is in seconds since 1970 and decides whether a key has expired.
    pub(crate) fn verify(bytes: &[u8], keyring: &Keyring, now: i64) -> Result<Release> {
        let untrusted = |why: String| {
            Error::new(
                ErrorKind::Untrusted,
                "checking the signature of a release file",
            )
            .because(why)
        };
        let message = frame::open(bytes).map_err(|why| untrusted(why.to_owned()))?;
        openpgp::verify(&message, keyring, now).map_err(untrusted)?;
        Release::parse(&message.text).ok_or_else(|| {
            Error::malformed("reading a release file: a field is missing or cannot be understood")
        })
    }

    fn parse(text: &str) -> Option<Release> {
        let paragraph = Paragraph::parse(text).ok()?;
        let date_text = paragraph.get("Date")?.to_owned();
        let valid_until = match paragraph.get("Valid-Until") {
            Some(text) => Some((http::parse_date(text)?, text.to_owned())),
            None => None,
        };
        let mut files = BTreeMap::new();
        for line in paragraph
            .get("SHA256")?
            .lines()
            .filter(|line| !line.is_empty())
        {
            let mut words = line.split_ascii_whitespace();
            let (digest, size, path) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
            files.insert(path.to_owned(), (digest.to_ascii_lowercase(), size));
        }
        Some(Release {
            date: http::parse_date(&date_text)?,
            date_text,
            valid_until,
            files,
        })
    }

    /// SHA-256 in hex and size of a file below `dists/<suite>/`.
    pub(crate) fn file(&self, path: &str) -> Option<(&str, u64)> {
        let (digest, size) = self.files.get(path)?;
        Some((digest, *size))
    }
}

#[cfg(test)]
mod tests;
