//! Tars that are odd, broken or hostile: read as Go's reader reads them, or refused at once.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;

/// A header block with the given fields, sealed with its checksum.
fn block(name: &str, flag: u8, size: u64, change: impl Fn(&mut [u8; 512])) -> Vec<u8> {
    let mut bytes = [0; 512];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    bytes[156] = flag;
    bytes[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut bytes);
    seal(&mut bytes);
    bytes.to_vec()
}

fn seal(bytes: &mut [u8]) {
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    with_content(block(name, b'0', content.len() as u64, |_| {}), content)
}

fn with_content(mut header: Vec<u8>, content: &[u8]) -> Vec<u8> {
    header.extend_from_slice(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

fn pax(records: &[u8]) -> Vec<u8> {
    with_content(
        block("PaxHeaders.0/x", b'x', records.len() as u64, |_| {}),
        records,
    )
}

/// A PAX record whose length is right.
fn record(key: &str, value: &str) -> Vec<u8> {
    let length = (5..9999)
        .find(|length| format!("{length} {key}={value}\n").len() == *length)
        .unwrap();
    format!("{length} {key}={value}\n").into_bytes()
}

/// Name, and content up to 100 bytes, of every entry.
fn seen(tar: &[u8]) -> Result<Vec<(String, String)>> {
    let mut seen = Vec::new();
    read(&mut &tar[..], &Limits::default(), &mut |header, content| {
        let mut bytes = Vec::new();
        content
            .take(100)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io("reading content", error))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        seen.push((text(&header.name), text(&bytes)));
        Ok(())
    })?;
    Ok(seen)
}

fn check(tar: &[Vec<u8>], expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
        .collect();
    assert_eq!(seen(&tar.concat()).unwrap(), expected);
}

fn check_refused(tar: &[Vec<u8>], expected: ErrorKind) {
    let error = seen(&[tar.concat(), file("after", b"")].concat()).unwrap_err();
    assert_eq!(error.kind(), expected, "{error:?}");
}

#[test]
fn entries_and_their_contents_are_read() {
    let long = "n".repeat(150);
    let tar = [
        file("a", b"content"),
        file("empty", b""),
        block("dir/", b'5', 0, |_| {}),
        block("suffix", b'0', 0, |bytes| {
            bytes[345..351].copy_from_slice(b"prefix");
        }),
        pax(&record("path", &long)),
        file("cut", b"x"),
        with_content(
            block("././@LongLink", b'L', 151, |bytes| {
                bytes[257..265].copy_from_slice(b"ustar  \0");
            }),
            long.as_bytes(),
        ),
        block("cut", b'0', 0, |bytes| {
            bytes[257..265].copy_from_slice(b"ustar  \0");
        }),
    ];
    let expected = [
        ("a", "content"),
        ("empty", ""),
        ("dir/", ""),
        ("prefix/suffix", ""),
        (&long, "x"),
        (&long, ""),
    ];
    check(&tar, &expected);
}

#[test]
fn a_tar_ends_with_two_blocks_of_zeros_one_or_none() {
    let a = || file("a", b"x");
    let zeros = |blocks: usize| vec![0; blocks * 512];
    for end in [
        vec![],
        zeros(1),
        zeros(2),
        zeros(20),
        [zeros(2), b"whatever follows".to_vec()].concat(),
    ] {
        check(&[a(), end], &[("a", "x")]);
    }
    check(&[], &[]);
    check(&[zeros(2)], &[]);
    check_refused(&[a(), zeros(1)], ErrorKind::Malformed);
}

#[test]
fn a_tar_that_is_cut_short_is_malformed() {
    let tar = [file("a", &[b'x'; 700]), file("b", b"y")].concat();
    // To Go (and so to docker and podman) an end within the padding after a file is a good end.
    let padding = [512 + 700..=3 * 512, 4 * 512 + 1..=5 * 512];
    for length in 1..tar.len() {
        let cut = seen(&tar[..length]).map(drop).map_err(|error| error.kind());
        let good = padding.iter().any(|padding| padding.contains(&length));
        assert_eq!(
            cut,
            if good {
                Ok(())
            } else {
                Err(ErrorKind::Malformed)
            },
            "{length}"
        );
    }
}

#[test]
fn numbers_and_checksums_that_lie_are_malformed() {
    let broken = |change: &dyn Fn(&mut [u8; 512])| vec![block("a", b'0', 0, change)];
    check_refused(
        &broken(&|bytes| bytes[124..136].fill(0xff)),
        ErrorKind::Malformed,
    );
    check_refused(
        &broken(&|bytes| {
            bytes[124..136].copy_from_slice(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
        }),
        ErrorKind::Malformed,
    );
    check_refused(
        &broken(&|bytes| bytes[108..116].copy_from_slice(b"12345678")),
        ErrorKind::Malformed,
    );
    check_refused(
        &broken(&|bytes| bytes[100..108].copy_from_slice(b"0x755\0\0\0")),
        ErrorKind::Malformed,
    );
    let mut unsealed = file("a", b"");
    unsealed[0] = b'b';
    check_refused(&[unsealed], ErrorKind::Malformed);
    check_refused(&[vec![b'x'; 512]], ErrorKind::Malformed);
}

#[test]
fn large_numbers_are_read_in_base_256() {
    let tar = block("a", b'0', 0, |bytes| {
        bytes[108..116].copy_from_slice(&[0x80, 0, 0, 0, 0, 0x2d, 0xc6, 0xc0]);
    });
    read(&mut &tar[..], &Limits::default(), &mut |header, _| {
        assert_eq!(header.uid, 3_000_000);
        Ok(())
    })
    .unwrap();
}

#[test]
fn pax_records_that_lie_are_malformed() {
    for records in [
        &b"99 path=a\n"[..],
        b"5 path=a\n",
        b"0 a=b\n",
        b"-6 a=b\n",
        b"6 a=b",
        b"6 a=bb",
        b"7 a=b\n",
        b"path=a\n",
        b"5 =b\n",
        b"5 ab\n",
        b"99999999999999999999 a=b\n",
        b"11 path=a\0b\n",
        b"15 linkpath=a\0\n",
    ] {
        let shown = String::from_utf8_lossy(records).into_owned();
        let error = seen(&[pax(records), file("a", b"")].concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{shown}");
    }
    for (key, value) in [
        ("size", "18446744073709551615"),
        ("size", "-1"),
        ("size", "0x10"),
        ("uid", "1e17"),
        ("gid", "a"),
        ("mtime", "100000000000000000000000000000"),
        ("mtime", "1.5.5"),
        ("mtime", "."),
    ] {
        check_refused(
            &[pax(&record(key, value)), file("a", b"")],
            ErrorKind::Malformed,
        );
    }
}

#[test]
fn records_of_the_whole_archive_are_nobodys_name() {
    let records = record("path", "evil");
    let global = with_content(block("g", b'g', records.len() as u64, |_| {}), &records);
    check(&[global, file("a", b"x")], &[("a", "x")]);
}

/// Sparse files: `..` at 0, `xy` at 4, 8 bytes in all.
#[test]
fn sparse_files_of_every_form_are_filled_with_zeros() {
    let content = "..\0\0xy\0\0";
    let old = block("old", b'S', 4, |bytes| {
        bytes[257..265].copy_from_slice(b"ustar  \0");
        for (at, number) in [(386, 0), (398, 2), (410, 4), (422, 2), (483, 8)] {
            bytes[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
        }
    });
    let newer = |records: &[(&str, &str)]| {
        pax(&records
            .iter()
            .flat_map(|(key, value)| record(key, value))
            .collect::<Vec<_>>())
    };
    let v0_0 = newer(&[
        ("GNU.sparse.size", "8"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "2"),
        ("GNU.sparse.offset", "4"),
        ("GNU.sparse.numbytes", "2"),
    ]);
    let v0_1 = newer(&[
        ("GNU.sparse.name", "v0.1"),
        ("GNU.sparse.size", "8"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.map", "0,2,4,2"),
    ]);
    let v1_0 = newer(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "v1.0"),
        ("GNU.sparse.realsize", "8"),
    ]);
    let mut in_content = b"2\n0\n2\n4\n2\n".to_vec();
    in_content.resize(512, 0);
    in_content.extend_from_slice(b"..xy");
    let tar = [
        with_content(old.clone(), b"..xy"),
        v0_0.clone(),
        file("v0.0", b"..xy"),
        v0_1,
        file("cut", b"..xy"),
        v1_0.clone(),
        file("cut", &in_content),
        file("after", b"x"),
    ];
    check(
        &tar,
        &[
            ("old", content),
            ("v0.0", content),
            ("v0.1", content),
            ("v1.0", content),
            ("after", "x"),
        ],
    );

    // More or less data than the map says.
    check_refused(&[v0_0.clone(), file("x", b"..xyz")], ErrorKind::Malformed);
    check_refused(&[v0_0, file("x", b"..x")], ErrorKind::Malformed);
    for map in [
        "",
        "x\n",
        "-1\n",
        "2\n0\n2\n3\n",
        "1\n9\n2\n",
        "2\n4\n2\n0\n2\n",
        "9999999999\n0\n",
    ] {
        let mut content = map.as_bytes().to_vec();
        content.resize(1024, 0);
        check_refused(&[v1_0.clone(), file("x", &content)], ErrorKind::Malformed);
    }
    let wrong = newer(&[
        ("GNU.sparse.size", "8"),
        ("GNU.sparse.numblocks", "3"),
        ("GNU.sparse.map", "0,2,4,2"),
    ]);
    check_refused(&[wrong, file("x", b"..xy")], ErrorKind::Malformed);
}

/// Gives what it is told to and then as many bytes as anybody wants, counting them.
struct Endless<'a> {
    first: &'a [u8],
    given: u64,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.first.read(buffer)? {
            0 => buffer.len(),
            count => count,
        };
        self.given += count as u64;
        Ok(count)
    }
}

#[test]
fn a_header_of_a_gigabyte_is_refused_within_a_few_megabytes() {
    for flag in [b'x', b'g', b'L', b'K'] {
        let header = block("././@LongLink", flag, 1 << 30, |_| {});
        let mut tar = Endless {
            first: &header,
            given: 0,
        };
        let error = read(&mut tar, &Limits::default(), &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(tar.given < 4 << 20, "{}", tar.given);
    }
}

#[test]
fn headers_that_never_come_to_an_entry_end_somewhere() {
    let limits = Limits {
        entries: 1000,
        ..Limits::default()
    };
    let tar = pax(&record("path", "a")).repeat(3000);
    let error = read(&mut &tar[..], &limits, &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_tar_with_more_bytes_than_allowed_is_refused_also_after_its_end() {
    let tar = [file("a", b"x"), vec![0; 10_240]].concat();
    for (bytes, fits) in [
        (tar.len() as u64, true),
        (tar.len() as u64 - 1, false),
        (600, false),
        (1, false),
    ] {
        let limits = Limits {
            bytes,
            ..Limits::default()
        };
        let result = read(&mut &tar[..], &limits, &mut |_, _| Ok(()));
        assert_eq!(
            result.map_err(|error| error.kind()),
            if fits {
                Ok(())
            } else {
                Err(ErrorKind::TooLarge)
            },
            "{bytes}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_bytes_never_make_it_panic(
        changes in proptest::collection::vec((0..4096usize, any::<u8>()), 0..30),
        length in 0..5000usize,
    ) {
        let sparse = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "8")];
        let records: Vec<u8> = sparse.iter().flat_map(|(key, value)| record(key, value)).collect();
        let mut tar = [pax(&records), file("a", b"1\n0\n2\n"), pax(&record("path", "b")), file("c", b"d"), vec![0; 1024]].concat();
        for (at, byte) in changes {
            if let Some(slot) = tar.get_mut(at) {
                *slot = byte;
            }
        }
        tar.truncate(length);
        for header in tar.chunks_exact_mut(512).filter(|header| header[257..262] == *b"ustar") {
            seal(header);
        }
        let _ = seen(&tar);
    }
}
