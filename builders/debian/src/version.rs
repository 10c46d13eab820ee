//! Versions of packages and their order. Source: deb-version(7).

use std::cmp::Ordering;
use std::fmt;

/// `[epoch:]upstream[-revision]`; equal by order, so `1.0` and `1.0-0` are the same version.
#[derive(Debug, Clone)]
pub(crate) struct Version(String);

impl Version {
    pub(crate) fn new(text: &str) -> Version {
        Version(text.trim().to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Epoch, upstream version, revision. An epoch that is no number counts as 0, as in libapt.
    fn parts(&self) -> (u64, &[u8], &[u8]) {
        let (epoch, rest) = match self.0.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, self.0.as_str()),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch, upstream.as_bytes(), revision.as_bytes())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let (epoch, upstream, revision) = self.parts();
        let (other_epoch, other_upstream, other_revision) = other.parts();
        epoch
            .cmp(&other_epoch)
            .then_with(|| compare(upstream, other_upstream))
            .then_with(|| compare(revision, other_revision))
    }
}

/// Compares by turns what is no digit (letters before signs, `~` before everything, even the end) and numbers.
fn compare(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (text, rest) = split(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = split(other, |byte| !byte.is_ascii_digit());
        let (number, rest) = split(rest, u8::is_ascii_digit);
        let (other_number, other_rest) = split(other_rest, u8::is_ascii_digit);
        let order =
            compare_text(text, other_text).then_with(|| compare_numbers(number, other_number));
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
    Ordering::Equal
}

fn split(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !belongs(byte));
    bytes.split_at(end.unwrap_or(bytes.len()))
}

fn compare_text(one: &[u8], other: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..one.len().max(other.len()))
        .map(|index| weight(one.get(index)).cmp(&weight(other.get(index))))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length: without leading zeros the longer one is larger.
fn compare_numbers(one: &[u8], other: &[u8]) -> Ordering {
    let (_, one) = split(one, |byte| *byte == b'0');
    let (_, other) = split(other, |byte| *byte == b'0');
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::Version;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let table = [
            ("1.0", "1.0", Equal),
            ("1.0", "1.0-0", Equal),
            ("0:1.0", "1.0", Equal),
            ("1.00", "1.0", Equal),
            ("1:0.1", "2.0", Greater),
            ("1.0~rc1", "1.0", Less),
            ("1.0~rc1", "1.0~rc2", Less),
            ("1.0~~", "1.0~", Less),
            ("1.0~~a", "1.0~", Less),
            ("1.0a", "1.0", Greater),
            ("1.0a", "1.0+", Less),
            ("1.9", "1.10", Less),
            ("1.0-1", "1.0-1+b1", Less),
            ("1.0-1+b1", "1.0-1.1", Less),
            ("2.41-12+deb13u4", "2.41-12", Greater),
            ("3.0.18-1~deb12u2", "3.0.18-1", Less),
            ("1.2-3-4", "1.2-3-3", Greater),
            ("0.8.0+git20200808-1", "0.8.0-1", Greater),
            ("99999999999999999999998", "99999999999999999999999", Less),
            ("7.5-1", "7.5+dfsg-1", Less),
            ("1.18.36:5.4-20", "1.18.36:5.5-1", Less),
        ];
        for (one, other, expected) in table {
            let order = Version::new(one).cmp(&Version::new(other));
            assert_eq!(order, expected, "{one} against {other}");
            let back = Version::new(other).cmp(&Version::new(one));
            assert_eq!(back, expected.reverse(), "{other} against {one}");
        }
    }
}
