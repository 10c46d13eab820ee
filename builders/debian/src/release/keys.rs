//! Public keys of archives, as `builders/keys/*.toml` has them.

use data_encoding::BASE64;
use ring::digest;
use serde::Deserialize;

use crate::error::{Error, Result};

/// Keys that may sign an archive.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    keys: Vec<Key>,
}

#[derive(Debug)]
pub(crate) struct Key {
    /// 20 bytes.
    pub(super) fingerprint: Vec<u8>,
    /// Seconds since 1970.
    pub(super) expires: i64,
    pub(super) material: Material,
}

#[derive(Debug)]
pub(super) enum Material {
    /// Modulus and exponent, big endian.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: Vec<KeyText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    fingerprint: String,
    expires: i64,
    packet: String,
}

impl Keyring {
    /// Adds the keys of one file. The fingerprint must be that of the packet.
    pub(crate) fn add(&mut self, text: &str) -> Result<()> {
        let broken = |why: &str| Error::malformed("reading archive keys").because(why.to_owned());
        let file: KeyFile = toml::from_str(text).map_err(|error| broken(&error.to_string()))?;
        for key in file.key {
            let encoded: String = key.packet.split_ascii_whitespace().collect();
            let packet = BASE64
                .decode(encoded.as_bytes())
                .map_err(|_| broken("a packet is not base64"))?;
            let fingerprint = fingerprint(&packet).ok_or_else(|| broken("a packet is too long"))?;
            if data_encoding::HEXUPPER.encode(&fingerprint) != key.fingerprint {
                return Err(broken("a fingerprint is not that of its key"));
            }
            let material = material(&packet).ok_or_else(|| broken("a key is of no known kind"))?;
            self.keys.push(Key {
                fingerprint,
                expires: key.expires,
                material,
            });
        }
        Ok(())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

/// SHA-1 as version 4 keys are named; a name, nothing is trusted because of it.
pub(super) fn fingerprint(packet: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(packet.len()).ok()?.to_be_bytes();
    let named = [&[0x99], &length[..], packet].concat();
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &named);
    Some(hash.as_ref().to_vec())
}

/// The body of a public key packet, version 4. Source: RFC 9580 §5.5.
fn material(packet: &[u8]) -> Option<Material> {
    const ED25519_LEGACY: &[u8] = &[9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];
    let (version, rest) = packet.split_first()?;
    let (algorithm, rest) = rest.get(4..)?.split_first()?;
    match (version, algorithm) {
        (4, 1) => {
            let (n, rest) = number(rest)?;
            let (e, rest) = number(rest)?;
            rest.is_empty().then(|| Material::Rsa {
                n: n.to_vec(),
                e: e.to_vec(),
            })
        }
        (4, 22) => {
            let (point, rest) = number(rest.strip_prefix(ED25519_LEGACY)?)?;
            let point = point
                .strip_prefix(&[0x40])
                .filter(|point| point.len() == 32)?;
            rest.is_empty().then(|| Material::Ed25519(point.to_vec()))
        }
        (4, 27) => (rest.len() == 32).then(|| Material::Ed25519(rest.to_vec())),
        _ => None,
    }
}

/// A number with its length in bits before it, and the rest.
pub(super) fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*bits)).div_ceil(8);
    rest.split_at_checked(length)
}
