//! A key of our own that signs as an archive does, so that signatures can be good, bad and strange on purpose.

use data_encoding::BASE64;
use ring::digest;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// Signs with Ed25519; the seed makes it the same key every time.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    packet: Vec<u8>,
}

/// What a signature packet says; the default is what an archive writes.
#[derive(Clone)]
pub(crate) struct Habits {
    pub(crate) version: u8,
    pub(crate) kind: u8,
    /// As announced; the real hash is SHA-256 or SHA-512.
    pub(crate) hash: u8,
    pub(crate) created: u32,
    pub(crate) lifetime: Option<u32>,
    pub(crate) extra_subpacket: Vec<u8>,
    pub(crate) cut_number: bool,
}

impl Default for Habits {
    fn default() -> Habits {
        Habits {
            version: 4,
            kind: 1,
            hash: 8,
            created: 1_700_000_000,
            lifetime: None,
            extra_subpacket: Vec::new(),
            cut_number: false,
        }
    }
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Signer {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let mut packet = vec![4, 0x65, 0, 0, 0, 22];
        packet.extend([9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1]);
        packet.extend(number(&[&[0x40], pair.public_key().as_ref()].concat()));
        Signer { pair, packet }
    }

    fn fingerprint(&self) -> Vec<u8> {
        let length = u16::try_from(self.packet.len()).unwrap().to_be_bytes();
        let named = [&[0x99], &length[..], &self.packet].concat();
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &named);
        hash.as_ref().to_vec()
    }

    /// A key file as in `builders/keys`.
    pub(crate) fn key_file(&self, expires: i64) -> String {
        let fingerprint = data_encoding::HEXUPPER.encode(&self.fingerprint());
        let packet = BASE64.encode(&self.packet);
        format!(
            "[[key]]\nfingerprint = \"{fingerprint}\"\nexpires = {expires}\npacket = \"{packet}\"\n"
        )
    }

    /// The signature packet over a text with `\n` at the end of each line.
    pub(crate) fn packet(&self, text: &str, habits: &Habits) -> Vec<u8> {
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.trim_end_matches([' ', '\t']))
            .collect();
        let mut hashed = vec![5, 2];
        hashed.extend(habits.created.to_be_bytes());
        hashed.extend([22, 33, 4]);
        hashed.extend(self.fingerprint());
        if let Some(lifetime) = habits.lifetime {
            hashed.extend([5, 3]);
            hashed.extend(lifetime.to_be_bytes());
        }
        hashed.extend(&habits.extra_subpacket);
        let mut body = vec![habits.version, habits.kind, 22, habits.hash];
        body.extend(u16::try_from(hashed.len()).unwrap().to_be_bytes());
        body.extend(hashed);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let signed = [lines.join("\r\n").as_bytes(), &body, &[4, 0xff], &length].concat();
        let algorithm = if habits.hash == 10 {
            &digest::SHA512
        } else {
            &digest::SHA256
        };
        let hash = digest::digest(algorithm, &signed);
        let value = self.pair.sign(hash.as_ref());
        let (r, s) = value.as_ref().split_at(32);
        body.extend([0, 0]);
        body.extend(&hash.as_ref()[..2]);
        body.extend(number(r));
        let s = if habits.cut_number { &s[..31] } else { s };
        body.extend(number(s));
        let mut packet = vec![0xc2, 255];
        packet.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        packet.extend(body);
        packet
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        frame(text, &self.packet(text, &Habits::default()))
    }
}

/// The cleartext frame around a text and signature packets.
pub(crate) fn frame(text: &str, packets: &[u8]) -> String {
    let escaped: String = text
        .lines()
        .map(|line| {
            if line.starts_with('-') {
                format!("- {line}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let encoded = BASE64.encode(packets);
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{escaped}-----BEGIN PGP SIGNATURE-----\n\n{encoded}\n-----END PGP SIGNATURE-----\n"
    )
}

fn number(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let bits = bytes.len() * 8
        - usize::try_from(bytes.first().map_or(0, |byte| byte.leading_zeros())).unwrap();
    [&u16::try_from(bits).unwrap().to_be_bytes()[..], bytes].concat()
}
