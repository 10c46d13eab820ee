use std::convert::Infallible;

use fastcdc::v2020::{FastCDC, Normalization};
use proptest::prelude::*;

use super::*;

/// What is done to a cutter.
#[derive(Debug, Clone)]
enum Step {
    Entry(String),
    Payload(u64),
    Bytes(Vec<u8>),
}

use Step::{Bytes, Entry, Payload};

/// The chunks, when bytes are written in pieces of these sizes, over and over.
fn cut(mut cutter: Cutter, steps: &[Step], pieces: &[usize]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut sizes = pieces.iter().copied().cycle();
    for step in steps {
        match step {
            Entry(path) => chunks.extend(cutter.entry(path.as_bytes())),
            Payload(bytes) => chunks.extend(cutter.payload(*bytes)),
            Bytes(bytes) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (piece, later) = rest.split_at(sizes.next().unwrap().min(rest.len()));
                    let mut take = |chunk| -> Result<(), Infallible> {
                        chunks.push(chunk);
                        Ok(())
                    };
                    cutter.write(piece, &mut take).unwrap();
                    rest = later;
                }
            }
        }
    }
    chunks.extend(cutter.finish());
    chunks
}

fn lengths(steps: &[Step]) -> Vec<usize> {
    let chunks = cut(Cutter::new(), steps, &[usize::MAX]);
    assert_eq!(chunks.concat(), all(steps));
    chunks.iter().map(Vec::len).collect()
}

fn all(steps: &[Step]) -> Vec<u8> {
    let bytes = steps.iter().filter_map(|step| match step {
        Bytes(bytes) => Some(&bytes[..]),
        _ => None,
    });
    bytes.collect::<Vec<_>>().concat()
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    let mut noise = vec![0; bytes];
    hasher.finalize_xof().fill(&mut noise);
    noise
}

/// The crate's own cut points.
fn fastcdc(bytes: &[u8]) -> Vec<usize> {
    FastCDC::with_level_and_seed(bytes, 65_536, 262_144, 1_048_576, Normalization::Level1, 0)
        .map(|chunk| chunk.length)
        .collect()
}

/// An entry of a small file: header, content, padding.
fn small(path: &str, bytes: usize) -> Vec<Step> {
    let padded = 512 + bytes.next_multiple_of(512);
    vec![
        Entry(path.to_owned()),
        Bytes(vec![b'h'; 512]),
        Payload(bytes as u64),
        Bytes(vec![b's'; padded - 512]),
    ]
}

fn large(path: &str, content: Vec<u8>) -> Vec<Step> {
    let padding = content.len().next_multiple_of(512) - content.len();
    vec![
        Entry(path.to_owned()),
        Bytes(vec![b'h'; 512]),
        Payload(content.len() as u64),
        Bytes(content),
        Bytes(vec![0; padding]),
    ]
}

#[test]
fn small_files_of_one_folder_stand_together() {
    let steps: Vec<_> = ["a/one", "a/two", "a/three"]
        .iter()
        .flat_map(|path| small(path, 60_000))
        .collect();
    assert_eq!(lengths(&steps), [3 * (512 + 60_416)]);
}

#[test]
fn a_run_ends_where_the_folder_changes_once_it_is_large() {
    let short = [small("a/one", 60_000), small("b/two", 60_000)].concat();
    assert_eq!(lengths(&short), [2 * 60_928]);
    // A header of 512 bytes and 65,024 bytes are exactly 65,536.
    let enough = [small("a/one", 65_024), small("b/two", 10)].concat();
    assert_eq!(lengths(&enough), [65_536, 1024]);
    let same = [small("a/one", 65_024), small("a/two", 10)].concat();
    assert_eq!(lengths(&same), [66_560]);
}

#[test]
fn the_folder_is_what_stands_before_the_last_slash() {
    let check = |first: &str, second: &str, changes: bool| {
        let steps = [small(first, 65_500), small(second, 10)].concat();
        let chunks = lengths(&steps).len();
        assert_eq!(chunks == 2, changes, "{first} {second}");
    };
    check("a", "b", false);
    check("a/", "b", false);
    check("a/b/", "a/c//", false);
    check("a/b/", "a/b/c", true);
    check("a", "/b", false);
    check("/a", "a", false);
    check("a//b", "a/b", true);
    check("./a", "a", true);
}

#[test]
fn one_path_in_32_ends_a_run_that_is_large() {
    let ends: Vec<_> = (0..320)
        .filter(|number| {
            let steps = [small("a/one", 65_500), small(&format!("a/{number}"), 10)].concat();
            lengths(&steps).len() == 2
        })
        .collect();
    assert_eq!(
        ends,
        [
            4, 12, 88, 99, 129, 149, 165, 192, 193, 219, 245, 274, 278, 285, 298, 309, 310
        ]
    );
    assert!(one_in_32(b"a/4"));
}

#[test]
fn a_run_ends_at_the_next_entry_once_it_is_full() {
    let steps = |bytes: usize| {
        [
            small("a/one", 60_000),
            vec![Bytes(vec![1; bytes - 60_928])],
            small("a/two", 10),
        ]
        .concat()
    };
    assert_eq!(lengths(&steps(524_287)), [524_287 + 1024]);
    assert_eq!(lengths(&steps(524_288)), [524_288, 1024]);
}

#[test]
fn a_run_of_absurd_headers_is_cut_at_a_mebibyte() {
    let steps = [
        vec![Entry("a".to_owned()), Bytes(vec![1; 2_500_000])],
        small("b", 10),
    ]
    .concat();
    assert_eq!(lengths(&steps), [1 << 20, 1 << 20, 402_848 + 1024]);
    let exactly = [Entry("a".to_owned()), Bytes(vec![1; 1 << 20])];
    assert_eq!(lengths(&exactly), [1 << 20]);
}

#[test]
fn a_large_content_is_cut_for_itself_and_its_padding_begins_the_next_run() {
    let steps = [
        small("a/one", 10),
        large("a/two", noise(1, 65_536)),
        large("a/three", noise(2, 65_537)),
        small("a/four", 10),
        large("a/five", noise(3, 65_535)),
    ]
    .concat();
    assert_eq!(
        lengths(&steps),
        [1536, 65_536, 512, 65_537, 511 + 1024 + 512 + 65_536]
    );
}

#[test]
fn the_end_of_a_large_content_ends_a_chunk_even_a_tiny_one() {
    let content = vec![0; (1 << 20) + 1];
    assert_eq!(lengths(&large("a", content)), [512, 1 << 20, 1, 511]);
}

#[test]
fn nothing_in_is_nothing_out() {
    assert_eq!(lengths(&[]), [0; 0]);
    assert_eq!(lengths(&[Entry("a".to_owned()), Payload(0)]), [0; 0]);
}

#[test]
fn a_content_that_stays_short_ends_with_the_next_entry() {
    let steps = [
        vec![Payload(200_000), Bytes(vec![0; 70_000])],
        small("a", 10),
    ]
    .concat();
    assert_eq!(lengths(&steps), [70_000, 1024]);
}

#[test]
fn a_change_in_one_file_changes_only_the_chunks_around_it() {
    let tar = |changed: usize| {
        let steps: Vec<_> = (0..600)
            .flat_map(|number| {
                let folder = number / 20;
                let content = 700 * (number % 13) + 512 * usize::from(number == changed);
                small(&format!("{folder}/{number}"), content)
            })
            .collect();
        cut(Cutter::new(), &steps, &[usize::MAX])
    };
    let (before, after) = (tar(usize::MAX), tar(300));
    assert!(before.len() > 10, "{}", before.len());
    let new = after.iter().filter(|chunk| !before.contains(chunk)).count();
    assert_eq!(new, 1);
}

#[test]
fn chunks_take_no_more_memory_than_they_have_bytes() {
    for chunk in cut(Cutter::foreign(), &[Bytes(noise(7, 3_000_000))], &[100_000]) {
        assert_eq!(chunk.capacity(), chunk.len());
    }
}

#[test]
fn the_cutter_stops_at_the_first_chunk_that_is_refused() {
    let mut taken = 0;
    let mut refuse = |_| {
        taken += 1;
        Err("full")
    };
    let noise = noise(8, 3_000_000);
    assert_eq!(Cutter::foreign().write(&noise, &mut refuse), Err("full"));
    assert_eq!(taken, 1);
}

#[test]
fn cut_points_are_those_of_crate_fastcdc_for_any_length() {
    let noise = noise(9, 1 << 20);
    for length in [
        0,
        1,
        65_535,
        65_536,
        65_537,
        65_538,
        65_539,
        262_143,
        262_144,
        262_145,
        1_048_575,
        1 << 20,
    ] {
        for bytes in [&noise[..length], &vec![0; length]] {
            let chunks = cut(
                Cutter::foreign(),
                &[Bytes(bytes.to_vec())],
                &[4093, 65_536, 1],
            );
            let lengths: Vec<_> = chunks.iter().map(Vec::len).collect();
            assert_eq!(lengths, fastcdc(bytes), "{length}");
        }
    }
}

/// Noise is cut, runs of zeros are not, and the border between decides.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let part = (any::<u64>(), 0..900_000usize, any::<bool>());
    proptest::collection::vec(part, 0..4).prop_map(|parts| {
        let parts = parts.into_iter().map(|(seed, bytes, zeros)| {
            if zeros {
                vec![0; bytes]
            } else {
                noise(seed, bytes)
            }
        });
        parts.collect::<Vec<_>>().concat()
    })
}

fn any_entry() -> impl Strategy<Value = Vec<Step>> {
    let path = "[a-c]{1,2}/[a-z]{1,3}/?";
    prop_oneof![
        4 => (path, 0..65_536usize).prop_map(|(path, bytes)| small(&path, bytes)),
        1 => (path, any_content()).prop_map(|(path, content)| large(&path, content)),
    ]
}

fn any_pieces() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![1..600usize, 600..300_000usize], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn however_bytes_are_split_the_chunks_are_the_same_and_together_they_are_the_bytes(
        entries in proptest::collection::vec(any_entry(), 0..40),
        pieces in any_pieces(),
    ) {
        let steps = entries.concat();
        let chunks = cut(Cutter::new(), &steps, &pieces);
        prop_assert_eq!(chunks.concat(), all(&steps));
        prop_assert!(chunks.iter().all(|chunk| (1..=1 << 20).contains(&chunk.len())));
        prop_assert!(chunks == cut(Cutter::new(), &steps, &[usize::MAX]));
    }

    #[test]
    fn foreign_bytes_are_cut_as_crate_fastcdc_cuts_them(content in any_content(), pieces in any_pieces()) {
        let expected = fastcdc(&content);
        let chunks = cut(Cutter::foreign(), &[Bytes(content.clone())], &pieces);
        prop_assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        prop_assert!(chunks.concat() == content);
    }

    #[test]
    fn a_large_content_is_cut_as_crate_fastcdc_cuts_it(content in any_content(), pieces in any_pieces()) {
        prop_assume!(content.len() >= 65_536);
        let expected = fastcdc(&content);
        let chunks = cut(Cutter::new(), &large("a", content), &pieces);
        let lengths: Vec<_> = chunks.iter().map(Vec::len).collect();
        prop_assert_eq!(&lengths[1..=expected.len()], &expected[..]);
    }
}
