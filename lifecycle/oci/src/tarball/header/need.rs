//! Which formats can hold a header, and which PAX records it needs there.

use super::field::{fits_base256, fits_octal, is_ascii, split_path};
use super::{Format, Records, Time};

/// Finds out what a header needs, field by field.
pub(super) struct Need<'a> {
    pub formats: Format,
    pub prefer_pax: bool,
    pub records: Records,
    pub given: &'a Records,
}

impl Need<'_> {
    pub(super) fn text(&mut self, text: &[u8], size: usize, key: &str) {
        let too_long = text.len() > size;
        let may_be_long = matches!(key, "path" | "linkpath");
        if text.contains(&0) || (too_long && !may_be_long) {
            self.formats = self.formats.without(Format::GNU);
        }
        if !is_ascii(text) || too_long {
            if key != "path" || split_path(text).is_none() {
                self.formats = self.formats.without(Format::USTAR);
            }
            self.records.insert(key.into(), text.to_vec());
        }
        self.keep_given(key, || text.to_vec());
    }

    /// An empty key means that PAX has no record for it.
    pub(super) fn number(&mut self, number: i64, size: usize, key: &str) {
        if !fits_base256(size, number) {
            self.formats = self.formats.without(Format::GNU);
        }
        if !fits_octal(size, number) {
            self.formats = self.formats.without(Format::USTAR);
            if key.is_empty() {
                self.formats = self.formats.without(Format::PAX);
            } else {
                self.records
                    .insert(key.into(), number.to_string().into_bytes());
            }
        }
        self.keep_given(key, || number.to_string().into_bytes());
    }

    pub(super) fn time(&mut self, time: Option<Time>, key: &str) {
        let Some(time) = time else { return };
        let is_mtime = key == "mtime";
        let fits = fits_octal(12, time.seconds);
        if !is_mtime || !fits {
            self.formats = self.formats.without(Format::USTAR);
        }
        if !is_mtime || !fits || time.nanos != 0 {
            self.prefer_pax = true;
            self.records.insert(key.into(), time.to_pax());
        }
        self.keep_given(key, || time.to_pax());
    }

    /// A record that says what the field says stays a record.
    fn keep_given(&mut self, key: &str, value: impl Fn() -> Vec<u8>) {
        if let Some(given) = self.given.get(key.as_bytes())
            && *given == value()
        {
            self.records.insert(key.into(), given.clone());
        }
    }

    pub(super) fn add_given(&mut self) {
        const OURS: [&[u8]; 10] = [
            b"path",
            b"linkpath",
            b"size",
            b"uid",
            b"gid",
            b"uname",
            b"gname",
            b"mtime",
            b"atime",
            b"ctime",
        ];
        for (key, value) in self.given {
            if !OURS.contains(&&key[..]) && !key.starts_with(b"GNU.sparse.") {
                self.records
                    .entry(key.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        self.formats = self.formats.only(Format::PAX);
    }
}

impl Time {
    pub(super) fn rounded(self) -> Time {
        let up = i64::from(self.nanos >= 500_000_000);
        Time {
            seconds: self.seconds.saturating_add(up),
            nanos: 0,
        }
    }

    /// `%d.%d`, also for times before 1970.
    pub(super) fn to_pax(self) -> Vec<u8> {
        if self.nanos == 0 {
            return self.seconds.to_string().into_bytes();
        }
        let (sign, seconds, nanos) = if self.seconds < 0 {
            ("-", -(self.seconds + 1), 1_000_000_000 - self.nanos)
        } else {
            ("", self.seconds, self.nanos)
        };
        format!("{sign}{seconds}.{nanos:09}")
            .trim_end_matches('0')
            .as_bytes()
            .to_vec()
    }
}
