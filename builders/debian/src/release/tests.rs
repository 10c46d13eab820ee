use std::io::Read;

use lzma_rust2::XzReader;

use super::{Keyring, Release, Seen};
use crate::error::ErrorKind;
use crate::tests::signer::{Habits, Signer, frame};

/// Some time in November 2026.
const NOW: i64 = 1_795_200_000;
const TEXT: &str =
    "Suite: test\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nSHA256:\n 00aa 12 main/Packages.xz\n";

fn keyring(files: &[String]) -> Keyring {
    let mut keyring = Keyring::default();
    for file in files {
        keyring.add(file).unwrap();
    }
    keyring
}

/// The error's whole chain, or `ok`.
fn outcome(bytes: &[u8], keyring: &Keyring) -> String {
    match Release::verify(bytes, keyring, NOW) {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        }
    }
}

fn check(text: &str, expected: &str) {
    let keyring = keyring(&[Signer::new(1).key_file(NOW + 1)]);
    let outcome = outcome(text.as_bytes(), &keyring);
    assert!(outcome.contains(expected), "{outcome}\nexpected {expected}");
}

fn real(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    XzReader::new(packed, false)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

#[test]
fn what_debian_signs_is_believed_by_each_of_its_keys() {
    let archive = [
        include_str!("../../../keys/debian-12.toml"),
        include_str!("../../../keys/debian-13.toml"),
        include_str!("../../../keys/debian-13-release.toml"),
    ];
    let security = [
        include_str!("../../../keys/debian-12-security.toml"),
        include_str!("../../../keys/debian-13-security.toml"),
    ];
    let trixie = real(include_bytes!("../../tests/fixtures/InRelease.trixie.xz"));
    let updates = real(include_bytes!(
        "../../tests/fixtures/InRelease.trixie-updates.xz"
    ));
    let of_security = real(include_bytes!(
        "../../tests/fixtures/InRelease.trixie-security.xz"
    ));
    for key in archive {
        assert_eq!(outcome(&trixie, &keyring(&[key.to_owned()])), "ok");
    }
    for key in security {
        assert_eq!(outcome(&of_security, &keyring(&[key.to_owned()])), "ok");
    }
    let archive = keyring(&archive.map(str::to_owned));
    let release = Release::verify(&updates, &archive, NOW).unwrap();
    assert!(release.valid_until.is_some());
    let release = Release::verify(&trixie, &archive, NOW).unwrap();
    assert_eq!(release.date_text, "Sat, 12 Sep 2026 07:55:41 UTC");
    let (digest, size) = release.file("main/binary-amd64/Packages.xz").unwrap();
    assert_eq!((digest.len(), size), (64, 9_678_380));

    assert!(outcome(&of_security, &archive).contains("no signature by a trusted key"));
    let mut tampered = trixie.clone();
    let place = tampered
        .windows(4)
        .position(|window| window == b"main")
        .unwrap();
    tampered[place] = b'M';
    assert!(outcome(&tampered, &archive).contains("is not what key"));
    assert_ne!(outcome(&trixie[..trixie.len() / 2], &archive), "ok");
    assert_ne!(outcome(&trixie[..trixie.len() - 900], &archive), "ok");
}

#[test]
fn a_good_signature_is_needed_and_a_bad_one_spoils_it() {
    let (known, other) = (Signer::new(1), Signer::new(2));
    check(&known.sign(TEXT), "ok");
    check(
        &other.sign(TEXT),
        "is not trusted here; no signature by a trusted key",
    );
    check(&known.sign(TEXT).replace("00aa", "00ab"), "is not what key");

    let usual = Habits::default();
    let both = [known.packet(TEXT, &usual), other.packet(TEXT, &usual)].concat();
    check(&frame(TEXT, &both), "ok");
    let one_bad = [known.packet(TEXT, &usual), known.packet("other\n", &usual)].concat();
    check(&frame(TEXT, &one_bad), "is not what key");
    check(&frame(TEXT, &[]), "no signature");
}

#[test]
fn signatures_of_other_kinds_count_as_absent_and_broken_ones_as_broken() {
    let signer = Signer::new(1);
    let with = |habits: Habits| frame(TEXT, &signer.packet(TEXT, &habits));
    let usual = Habits::default();
    check(
        &with(Habits {
            hash: 10,
            ..usual.clone()
        }),
        "ok",
    );
    check(
        &with(Habits {
            version: 3,
            ..usual.clone()
        }),
        "not of version 4",
    );
    check(
        &with(Habits {
            kind: 0,
            ..usual.clone()
        }),
        "not one of a text",
    );
    check(
        &with(Habits {
            hash: 2,
            ..usual.clone()
        }),
        "another hash",
    );
    check(
        &with(Habits {
            created: 0,
            ..usual.clone()
        }),
        "no date",
    );
    check(
        &with(Habits {
            lifetime: Some(60),
            ..usual.clone()
        }),
        "expired",
    );
    check(
        &with(Habits {
            extra_subpacket: vec![2, 0x80 | 0x3c, 0],
            ..usual.clone()
        }),
        "not understood",
    );
    check(
        &with(Habits {
            extra_subpacket: vec![2, 60, 0],
            ..usual.clone()
        }),
        "ok",
    );
    check(
        &with(Habits {
            extra_subpacket: vec![200, 1],
            ..usual.clone()
        }),
        "broken",
    );
    check(
        &with(Habits {
            cut_number: true,
            ..usual.clone()
        }),
        "is not what key",
    );
    let mut packet = signer.packet(TEXT, &usual);
    packet.truncate(packet.len() - 1);
    check(&frame(TEXT, &packet), "broken");
    check(&frame(TEXT, &[0xd4, 1, 0]), "broken");
}

#[test]
fn an_expired_key_signs_nothing() {
    let signer = Signer::new(1);
    let keyring = keyring(&[signer.key_file(NOW - 1)]);
    assert!(outcome(signer.sign(TEXT).as_bytes(), &keyring).contains("expired"));
}

#[test]
fn nothing_stands_outside_the_frame() {
    let good = Signer::new(1).sign(TEXT);
    check(&format!("x\n{good}"), "does not begin");
    check(&format!("{good}x\n"), "something follows");
    check(&format!("{good}{good}"), "something follows");
    check(&good.replace("Hash: SHA256", "Comment: x"), "header");
    check(
        &good.replace("-----END PGP SIGNATURE-----\n", ""),
        "end of the signature is missing",
    );
    check(
        &good.replace("-----BEGIN PGP SIGNATURE-----\n", "x\n"),
        "bare dash",
    );
    let (text, _) = good.split_once("-----BEGIN PGP SIGNATURE").unwrap();
    check(text, "signature is missing");
    check("", "does not begin");
}

#[test]
fn escaped_dashes_and_blanks_at_line_ends_are_part_of_the_form() {
    let text = format!("{TEXT}Description: x  \n-x: y\n");
    check(&Signer::new(1).sign(&text), "ok");
    check(
        &Signer::new(1).sign(&text).replace("- -x", "-x"),
        "bare dash",
    );
}

#[test]
fn an_older_date_than_seen_before_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen::new(&folder.path().join("seen"));
    seen.check("debian", "trixie", 100).unwrap();
    seen.check("debian", "trixie", 100).unwrap();
    seen.check("debian", "trixie", 200).unwrap();
    seen.check("debian", "trixie-updates", 100).unwrap();
    let error = seen.check("debian", "trixie", 199).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
}

#[test]
fn a_key_file_must_name_the_key_it_holds() {
    let file = Signer::new(1).key_file(NOW);
    let wrong = file.replacen("fingerprint = \"", "fingerprint = \"00", 1);
    assert!(Keyring::default().add(&wrong).is_err());
    assert!(Keyring::default().add("[[key]]\n").is_err());
}

#[test]
fn no_changed_byte_of_the_text_is_believed_and_none_at_all_is_a_panic() {
    let good = Signer::new(1).sign(TEXT);
    let keyring = keyring(&[Signer::new(1).key_file(NOW + 1)]);
    let start = good.find("Suite").unwrap();
    let end = good.find("-----BEGIN PGP SIGNATURE").unwrap();
    for place in 0..good.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = good.clone().into_bytes();
            changed[place] ^= bit;
            let outcome = outcome(&changed, &keyring);
            // The line break before the signature is not part of the text.
            if (start..end - 1).contains(&place) {
                assert_ne!(outcome, "ok", "byte {place} with bit {bit:#x}");
            }
        }
        let cut = outcome(&good.as_bytes()[..place], &keyring);
        // The last line break is no loss.
        assert!(cut != "ok" || place == good.len() - 1, "cut at {place}");
    }
}
