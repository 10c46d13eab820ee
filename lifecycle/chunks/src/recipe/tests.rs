use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::{Deflater, ErrorKind};

/// Pieces whose ids are the hashes of their places.
fn recipe(pieces: u32) -> Recipe {
    let pieces = (0..pieces).map(|place| Piece {
        id: ChunkId::of(&place.to_le_bytes()),
        raw_bytes: 65_536 + place % 1000,
        segment_bytes: 30_000 + place % 700,
    });
    Recipe {
        pieces: pieces.collect(),
        crc32: 0x1234_5678,
    }
}

fn depth(recipe: &Recipe) -> u32 {
    tree::of(&tail::entries(&recipe.pieces)).depth
}

/// A blob of noise and text, and its recipe.
fn blob() -> (Vec<u8>, Recipe) {
    let mut deflater = Deflater::new().unwrap();
    let mut crc = crc32fast::Hasher::new();
    let (mut blob, mut pieces) = (HEAD.to_vec(), Vec::new());
    for raw in [vec![b'a'; 100_000], b"one two three ".repeat(3000)] {
        let segment = deflater.segment(&raw);
        crc.combine(&segment.crc);
        blob.extend_from_slice(&segment.bytes);
        pieces.push(Piece {
            id: ChunkId::of(&raw),
            raw_bytes: u32::try_from(raw.len()).unwrap(),
            segment_bytes: u32::try_from(segment.bytes.len()).unwrap(),
        });
    }
    let crc32 = crc.finalize();
    let recipe = Recipe { pieces, crc32 };
    blob.extend_from_slice(&recipe.tail());
    (blob, recipe)
}

fn of_blob(bytes: &[u8]) -> Result<Option<Recipe>> {
    Recipe::of_blob(&mut Cursor::new(bytes))
}

#[test]
fn a_tail_gives_its_recipe_back() {
    for pieces in [0, 1, 7, 8, 128, 129, 1709, 1710, 1711, 3420, 3421, 20_000] {
        let recipe = recipe(pieces);
        assert_eq!(
            Recipe::from_tail(&recipe.tail()).unwrap(),
            recipe,
            "{pieces}"
        );
    }
}

#[test]
fn the_recipe_stands_at_the_end_of_the_blob() {
    let (blob, recipe) = blob();
    assert_eq!(recipe.blob_bytes(), blob.len() as u64);
    assert_eq!(recipe.raw_bytes(), 142_000);
    assert_eq!(of_blob(&blob).unwrap(), Some(recipe));
}

#[test]
fn a_blob_of_somebody_else_has_no_recipe() {
    for bytes in [&b""[..], b"short", &[0; 93], &[0; 94], &[0x1f; 5000]] {
        assert_eq!(of_blob(bytes).unwrap(), None);
    }
    let (mut blob, _) = blob();
    blob.push(0);
    assert_eq!(of_blob(&blob).unwrap(), None);
}

#[test]
fn a_blob_with_bytes_more_or_less_before_its_tail_is_malformed() {
    let (blob, _) = blob();
    let more = [&blob[..50], &[0], &blob[50..]].concat();
    let less = [&blob[..50], &blob[51..]].concat();
    let other_head = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 1], &blob[8..]].concat();
    let only_the_footer = &blob[blob.len() - tail::FOOTER_BYTES..];
    for bytes in [&more[..], &less, &other_head, only_the_footer] {
        assert_eq!(of_blob(bytes).unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[test]
fn a_newer_format_or_codec_is_unsupported() {
    let (blob, recipe) = blob();
    // Magic, format, codec and the rest of the content end ten bytes before the end of the footer.
    let content = blob.len() - 10 - 68;
    for place in [8, 9, 10, 11] {
        let mut newer = blob.clone();
        newer[content + place] = 7;
        assert_eq!(of_blob(&newer).unwrap_err().kind(), ErrorKind::Unsupported);
        let tail = &newer[newer.len() - recipe.tail().len()..];
        let error = Recipe::from_tail(tail).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn every_byte_of_a_tail_counts() {
    let recipe = recipe(40);
    let tail = recipe.tail();
    for place in 0..tail.len() {
        for bit in 0..8 {
            let mut other = tail.clone();
            other[place] ^= 1 << bit;
            // The checksum is that of bytes which are not here.
            let is_checksum = (2..6).contains(&place);
            assert_eq!(
                Recipe::from_tail(&other).is_ok(),
                is_checksum,
                "{place} {bit}"
            );
        }
    }
    for length in 0..tail.len() {
        assert!(Recipe::from_tail(&tail[..length]).is_err());
        assert!(Recipe::from_tail(&tail[tail.len() - length..]).is_err());
    }
}

#[test]
fn pieces_that_no_cutter_and_deflater_make_are_malformed() {
    let check = |raw_bytes: u32, segment_bytes: u32, expected: Option<ErrorKind>| {
        let mut recipe = recipe(9);
        recipe.pieces[3].raw_bytes = raw_bytes;
        recipe.pieces[3].segment_bytes = segment_bytes;
        let kind = Recipe::from_tail(&recipe.tail())
            .err()
            .map(|error| error.kind());
        assert_eq!(kind, expected, "{raw_bytes} {segment_bytes}");
    };
    check(1, 1, None);
    check(1_114_112, 1_118_208, None);
    check(1_114_113, 1_118_208, Some(ErrorKind::Malformed));
    check(1_114_112, 1_118_209, Some(ErrorKind::Malformed));
    check(0, 5, Some(ErrorKind::Malformed));
    check(5, 0, Some(ErrorKind::Malformed));
    check(1032 * 7, 7, None);
    check(1032 * 7 + 1, 7, Some(ErrorKind::Malformed));
}

#[test]
fn an_index_out_of_proportion_is_too_large() {
    let check = |raw_bytes: u32, expected: Option<ErrorKind>| {
        let mut recipe = recipe(1000);
        for piece in &mut recipe.pieces {
            piece.raw_bytes = raw_bytes;
        }
        let kind = Recipe::from_tail(&recipe.tail())
            .err()
            .map(|error| error.kind());
        assert_eq!(kind, expected, "{raw_bytes}");
    };
    // 38,026 bytes of index for 1,000 times as many bytes, beside the 4,096 that are always allowed.
    check(6786, None);
    check(6785, Some(ErrorKind::TooLarge));
}

#[test]
fn a_footer_that_promises_a_huge_index_costs_no_memory() {
    let (blob, _) = blob();
    let index_bytes = blob.len() - 10 - 68 + 8 + 2 + 2 + 8;
    let mut huge = blob.clone();
    huge[index_bytes..index_bytes + 8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert_eq!(of_blob(&huge).unwrap_err().kind(), ErrorKind::TooLarge);
    huge[index_bytes..index_bytes + 8].copy_from_slice(&(64u64 << 20).to_le_bytes());
    assert_eq!(of_blob(&huge).unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn a_tree_grows_with_its_entries() {
    assert_eq!(depth(&recipe(0)), 1);
    assert_eq!(depth(&recipe(8)), 1);
    assert_eq!(depth(&recipe(300)), 2);
    assert_eq!(depth(&recipe(20_000)), 4);
}

#[test]
fn a_node_has_128_entries_at_most_and_8_at_least() {
    let with_last_byte = |byte: u8, pieces: u32| {
        let mut recipe = recipe(pieces);
        for piece in &mut recipe.pieces {
            let mut id = *piece.id.as_bytes();
            id[31] = byte;
            piece.id = ChunkId::from_bytes(id);
        }
        depth(&recipe)
    };
    assert_eq!(with_last_byte(1, 128), 1);
    assert_eq!(with_last_byte(1, 129), 2);
    assert_eq!(with_last_byte(0xe0, 8), 1);
    assert_eq!(with_last_byte(0xe0, 9), 2);
}

#[test]
fn equal_runs_of_entries_share_their_leaves() {
    let leaves = |recipe: &Recipe| tree::hashes(&tail::entries(&recipe.pieces));
    let before = recipe(2000);
    let mut after = before.clone();
    after.pieces.remove(700);
    let (before, after) = (leaves(&before), leaves(&after));
    let new = after.iter().filter(|leaf| !before.contains(leaf)).count();
    assert!(before.len() > 40 && new <= 2, "{new} of {}", before.len());
}

fn any_recipe() -> impl Strategy<Value = Recipe> {
    let piece = (any::<[u8; 32]>(), 1..=1_114_112u32, 1..=1_118_208u32);
    let pieces = proptest::collection::vec(piece, 0..300);
    (pieces, any::<u32>()).prop_map(|(pieces, crc32)| Recipe {
        pieces: pieces
            .into_iter()
            .map(|(id, raw_bytes, segment_bytes)| Piece {
                id: ChunkId::from_bytes(id),
                raw_bytes,
                segment_bytes: segment_bytes.max(raw_bytes.div_ceil(1032)),
            })
            .collect(),
        crc32,
    })
}

proptest! {
    #[test]
    fn a_recipe_comes_back_from_its_tail_or_its_index_is_out_of_proportion(recipe in any_recipe()) {
        match Recipe::from_tail(&recipe.tail()) {
            Ok(read) => prop_assert_eq!(read, recipe),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::TooLarge),
        }
    }

    #[test]
    fn noise_is_no_tail(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Recipe::from_tail(&noise).is_err());
        prop_assert!(of_blob(&noise).unwrap().is_none());
    }

    #[test]
    fn a_damaged_tail_is_refused_or_is_that_of_another_recipe(
        recipe in any_recipe(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut tail = recipe.tail();
        for (place, byte) in damage {
            let place = place.index(tail.len());
            tail[place] = byte;
        }
        let start = cut.index(tail.len());
        for bytes in [&tail[..], &tail[start..], &tail[..start]] {
            if let Ok(read) = Recipe::from_tail(bytes) {
                prop_assert_eq!(&read.tail()[..], bytes);
            }
            let _ = of_blob(bytes);
        }
    }
}
