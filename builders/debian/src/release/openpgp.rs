//! Signatures of version 4 over a text, by RSA or Ed25519, with SHA-256 or SHA-512. Nothing else is accepted.
//!
//! Source: RFC 9580 §5.2. One good signature by a known key is needed; a bad one by a known key spoils everything; those of
//! unknown keys, of other kinds and of expired keys count as absent.

use ring::digest;
use ring::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use super::frame::Signed;
use super::keys::{Key, Keyring, Material, number};

/// Fails with what is wrong.
pub(super) fn verify(message: &Signed, keyring: &Keyring, now: i64) -> Result<(), String> {
    let mut good = 0;
    let mut set_aside = Vec::new();
    for body in packets(&message.signatures).ok_or("the signature packets are broken")? {
        let signature = match Signature::parse(body) {
            Some(Ok(signature)) => signature,
            Some(Err(why)) => {
                set_aside.push(why.to_owned());
                continue;
            }
            None => return Err("a signature packet is broken".to_owned()),
        };
        let known = keyring
            .keys()
            .find(|key| key.fingerprint.ends_with(signature.issuer));
        let Some(key) = known.filter(|_| signature.issuer.len() >= 8) else {
            let issuer = data_encoding::HEXUPPER.encode(signature.issuer);
            set_aside.push(format!("key {issuer} is not trusted here"));
            continue;
        };
        let name = data_encoding::HEXUPPER.encode(&key.fingerprint);
        if key.expires < now || signature.has_expired(now) {
            set_aside.push(format!("key {name} or its signature has expired"));
        } else if signature.is_of(key, &message.hashed) {
            good += 1;
        } else {
            return Err(format!("the text is not what key {name} signed"));
        }
    }
    if good > 0 {
        return Ok(());
    }
    set_aside.push("no signature by a trusted key".to_owned());
    Err(set_aside.join("; "))
}

/// Bodies of signature packets; anything else is `None`.
fn packets(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut bodies = Vec::new();
    while let Some((header, rest)) = bytes.split_first() {
        let (tag, length, rest) = if header & 0xc0 == 0xc0 {
            let (length, rest) = length(rest)?;
            (header & 0x3f, length, rest)
        } else {
            let width = 1usize << (header & 3);
            let (digits, rest) = rest.split_at_checked(width)?;
            let length = digits
                .iter()
                .fold(0usize, |length, digit| (length << 8) | usize::from(*digit));
            // An old header without 0x80, or with a length that goes to the end of the file.
            if header & 0x80 == 0 || header & 3 == 3 {
                return None;
            }
            ((header >> 2) & 0x0f, length, rest)
        };
        let (body, rest) = rest.split_at_checked(length)?;
        if tag != 2 {
            return None;
        }
        bodies.push(body);
        bytes = rest;
    }
    (bodies.len() <= 32).then_some(bodies)
}

/// A length as new packets and subpackets have it (§4.2.1; partial lengths are for data packets only).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0..=191 => Some((usize::from(*first), rest)),
        192..=223 => {
            let (second, rest) = rest.split_first()?;
            let length = ((usize::from(*first) - 192) << 8) + usize::from(*second) + 192;
            Some((length, rest))
        }
        255 => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            Some((usize::try_from(u32::from_be_bytes(*digits)).ok()?, rest))
        }
        224..=254 => None,
    }
}

struct Signature<'a> {
    /// Version to hashed subpackets, as they go into the hash.
    prefix: &'a [u8],
    algorithm: u8,
    is_sha512: bool,
    created: u32,
    /// Seconds after `created`; 0 means never.
    lifetime: u32,
    /// Fingerprint, or the last 8 bytes of it.
    issuer: &'a [u8],
    numbers: &'a [u8],
}

impl<'a> Signature<'a> {
    /// `None` for a broken packet, an error for one that is set aside.
    fn parse(body: &'a [u8]) -> Option<Result<Signature<'a>, &'static str>> {
        let [version, kind, algorithm, hash, high, low] = *body.first_chunk::<6>()?;
        if version != 4 {
            return Some(Err("a signature is not of version 4"));
        }
        let hashed_length = usize::from(u16::from_be_bytes([high, low]));
        let prefix = body.get(..6 + hashed_length)?;
        let hashed = prefix.get(6..)?;
        let (unhashed_length, rest) = body.get(prefix.len()..)?.split_first_chunk::<2>()?;
        let (unhashed, rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*unhashed_length)))?;
        // Two bytes of the hash follow, which help nobody.
        let numbers = rest.get(2..)?;
        if kind != 1 {
            return Some(Err("a signature is not one of a text"));
        }
        let is_sha512 = match hash {
            8 => false,
            10 => true,
            _ => return Some(Err("a signature uses another hash than SHA-256 or SHA-512")),
        };
        let mut signature = Signature {
            prefix,
            algorithm,
            is_sha512,
            created: 0,
            lifetime: 0,
            issuer: &[],
            numbers,
        };
        if !signature.read_subpackets(hashed, true)? {
            return Some(Err("a signature makes a condition that is not understood"));
        }
        signature.read_subpackets(unhashed, false)?;
        if signature.created == 0 {
            return Some(Err("a signature has no date"));
        }
        Some(Ok(signature))
    }

    /// `Some(false)` when a critical one is unknown. Unhashed ones may only help to find the key.
    fn read_subpackets(&mut self, mut bytes: &'a [u8], is_hashed: bool) -> Option<bool> {
        while !bytes.is_empty() {
            let (size, rest) = length(bytes)?;
            let (subpacket, rest) = rest.split_at_checked(size)?;
            bytes = rest;
            let (kind, value) = subpacket.split_first()?;
            match kind & 0x7f {
                2 if is_hashed => self.created = u32::from_be_bytes(value.try_into().ok()?),
                3 if is_hashed => self.lifetime = u32::from_be_bytes(value.try_into().ok()?),
                16 if self.issuer.is_empty() => self.issuer = value,
                33 => self.issuer = value.strip_prefix(&[4])?,
                // Unhashed ones say nothing; neither does the signer's user id (28) anything that we rely on.
                2 | 3 | 16 | 28 => {}
                _ if kind & 0x80 != 0 && is_hashed => return Some(false),
                _ => {}
            }
        }
        Some(true)
    }

    fn has_expired(&self, now: i64) -> bool {
        self.lifetime != 0 && i64::from(self.created) + i64::from(self.lifetime) < now
    }

    fn is_of(&self, key: &Key, text: &[u8]) -> bool {
        let Ok(length) = u32::try_from(self.prefix.len()) else {
            return false;
        };
        let signed = [text, self.prefix, &[4, 0xff], &length.to_be_bytes()].concat();
        match (&key.material, self.algorithm) {
            (Material::Rsa { n, e }, 1) => self.is_rsa(n, e, &signed).unwrap_or(false),
            (Material::Ed25519(point), 22 | 27) => self.is_ed25519(point, &signed).unwrap_or(false),
            _ => false,
        }
    }

    fn is_rsa(&self, n: &[u8], e: &[u8], signed: &[u8]) -> Option<bool> {
        let (value, rest) = number(self.numbers)?;
        let padded = padded(value, n.len())?;
        let parameters = if self.is_sha512 {
            &RSA_PKCS1_2048_8192_SHA512
        } else {
            &RSA_PKCS1_2048_8192_SHA256
        };
        let verified = RsaPublicKeyComponents { n, e }.verify(parameters, signed, &padded);
        Some(rest.is_empty() && verified.is_ok())
    }

    /// OpenPGP has Ed25519 sign the hash, not the text.
    fn is_ed25519(&self, point: &[u8], signed: &[u8]) -> Option<bool> {
        let hash = if self.is_sha512 {
            digest::digest(&digest::SHA512, signed)
        } else {
            digest::digest(&digest::SHA256, signed)
        };
        let value = if self.algorithm == 27 {
            self.numbers.to_vec()
        } else {
            let (r, rest) = number(self.numbers)?;
            let (s, rest) = number(rest)?;
            if !rest.is_empty() {
                return Some(false);
            }
            [padded(r, 32)?, padded(s, 32)?].concat()
        };
        let verified = UnparsedPublicKey::new(&ED25519, point).verify(hash.as_ref(), &value);
        Some(verified.is_ok())
    }
}

/// Numbers are written without leading zeros; both algorithms want a fixed width.
fn padded(value: &[u8], width: usize) -> Option<Vec<u8>> {
    let missing = width.checked_sub(value.len())?;
    Some([&vec![0; missing], value].concat())
}
