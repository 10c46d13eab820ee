//! sha256 of bytes, as a value that is copied and compared.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use sha2::Digest as _;

use crate::{Error, ErrorKind, Result};

/// sha256 of bytes. Displays as `sha256:<64 lower-case hex>`; nothing else is parsed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        self.0
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }

    /// The opposite of [`hex`](Digest::hex).
    pub fn from_hex(hex: &str) -> Result<Digest> {
        let malformed = || {
            Error::malformed(format!(
                "reading digest: not 64 lower-case hex digits: {}",
                shortened(hex)
            ))
        };
        let digits: &[u8; 64] = hex.as_bytes().try_into().map_err(|_| malformed())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = (value(pair[0]).ok_or_else(malformed)? << 4)
                | value(pair[1]).ok_or_else(malformed)?;
        }
        Ok(Digest(bytes))
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Untrusted text for a message: printable and short.
fn shortened(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Digest> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Digest::from_hex(hex),
            Some((algorithm, _)) => {
                let text = format!(
                    "reading digest: algorithm {} is not sha256",
                    shortened(algorithm)
                );
                Err(Error::new(ErrorKind::Unsupported, text))
            }
            None => Err(Error::malformed(format!(
                "reading digest: no algorithm in {}",
                shortened(text)
            ))),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes bytes and becomes their digest; also counts them.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    size: u64,
}

impl Hasher {
    pub fn new() -> Hasher {
        Hasher::default()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Bytes taken so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn finish(self) -> Digest {
        Digest(self.state.finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(Hasher::new().finish(), EMPTY.parse().unwrap());
    }

    #[test]
    fn only_sha256_in_lower_case_hex_is_a_digest() {
        let check = |text: &str, kind| {
            assert_eq!(text.parse::<Digest>().unwrap_err().kind(), kind, "{text}");
        };
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        check("", ErrorKind::Malformed);
        check(hex, ErrorKind::Malformed);
        check("sha256:", ErrorKind::Malformed);
        check(EMPTY.trim_end_matches('5'), ErrorKind::Malformed);
        check(&format!("{EMPTY}0"), ErrorKind::Malformed);
        check(&EMPTY.to_uppercase(), ErrorKind::Unsupported);
        check(
            &format!("sha256:{}", hex.to_uppercase()),
            ErrorKind::Malformed,
        );
        check(&format!("sha512:{hex}{hex}"), ErrorKind::Unsupported);
        check(
            "sha256:é3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
            ErrorKind::Malformed,
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            prop_assert_eq!(Digest::from_hex(&digest.hex()).unwrap(), digest);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,80}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }

        #[test]
        fn pieces_have_the_digest_of_the_whole(bytes: Vec<u8>, cut: usize) {
            let cut = if bytes.is_empty() { 0 } else { cut % bytes.len() };
            let mut hasher = Hasher::new();
            hasher.write_all(&bytes[..cut]).unwrap();
            hasher.write_all(&bytes[cut..]).unwrap();
            prop_assert_eq!(hasher.size(), bytes.len() as u64);
            prop_assert_eq!(hasher.finish(), Digest::of(&bytes));
        }
    }
}
