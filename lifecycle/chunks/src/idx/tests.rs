use proptest::prelude::*;

use super::*;

const PACK_BYTES: u64 = 1 << 30;

fn any_entry() -> impl Strategy<Value = Entry> {
    // Few first bytes, so that buckets of the fanout are both empty and full.
    let id = (0..4u8, any::<[u8; 31]>()).prop_map(|(first, rest)| {
        let mut id = [first * 85; 32];
        id[1..].copy_from_slice(&rest);
        ChunkId::from_bytes(id)
    });
    let sizes = (0..=CHUNK_BYTES, 0..=SEGMENT_BYTES);
    let offset = pack::FIRST_SEGMENT_AT..PACK_BYTES / 2;
    (id, offset, sizes, any::<u32>()).prop_map(|(id, offset, (raw, segment), crc32)| Entry {
        id,
        offset,
        raw_bytes: u32::try_from(raw).unwrap(),
        segment_bytes: u32::try_from(segment).unwrap(),
        crc32,
    })
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| entry.id);
    entries
}

fn small() -> (PackId, Vec<u8>, Vec<Entry>) {
    let mut entries: Vec<_> = (0..5u32)
        .map(|n| Entry {
            id: ChunkId::of(&n.to_le_bytes()),
            offset: pack::FIRST_SEGMENT_AT + 1000 * u64::from(n),
            raw_bytes: 2000,
            segment_bytes: 700 + n,
            crc32: n,
        })
        .collect();
    let (id, bytes) = encode(&mut entries, PACK_BYTES).unwrap();
    (id, bytes, sorted(entries))
}

proptest! {
    #[test]
    fn what_is_written_is_found(entries in proptest::collection::vec(any_entry(), 0..60)) {
        let (id, bytes) = encode(&mut entries.clone(), PACK_BYTES).unwrap();
        prop_assert_eq!(bytes.len(), 1072 + 48 * entries.len());
        let idx = Idx::open(id, bytes).unwrap();
        prop_assert!(idx.is_sound());
        prop_assert_eq!(idx.pack_bytes(), PACK_BYTES);
        for entry in &entries {
            prop_assert_eq!(idx.find(entry.id), Some(*entry));
        }
        prop_assert_eq!(idx.entries().collect::<Vec<_>>(), sorted(entries));
        prop_assert_eq!(idx.find(ChunkId::of(b"never pushed")), None);
    }

    #[test]
    fn any_bytes_are_an_idx_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        id in any::<[u8; 32]>(),
    ) {
        try_everything(PackId(id), bytes);
    }

    #[test]
    fn an_idx_of_hostile_entries_can_be_searched(
        entries in proptest::collection::vec(any::<[u8; 16]>(), 0..40),
        counts in proptest::collection::vec(0..50u32, FANOUT),
        length in any::<u64>(),
    ) {
        // Everything that `open` looks at is as it should be.
        let mut bytes = small().1[..8].to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        let mut counts = counts;
        counts.sort_unstable();
        counts[FANOUT - 1] = u32::try_from(entries.len()).unwrap();
        let most = counts[FANOUT - 1];
        for count in counts {
            bytes.extend_from_slice(&count.min(most).to_le_bytes());
        }
        for entry in entries {
            bytes.extend_from_slice(&[entry, entry, entry].concat());
        }
        let id = PackId(*blake3::hash(&bytes).as_bytes());
        bytes.extend_from_slice(id.as_bytes());
        prop_assert!(Idx::open(id, bytes.clone()).is_ok());
        try_everything(id, bytes);
    }
}

fn try_everything(id: PackId, bytes: Vec<u8>) {
    let Ok(idx) = Idx::open(id, bytes) else {
        return;
    };
    for entry in idx.by_offset() {
        assert!(entry.offset + u64::from(entry.segment_bytes) <= idx.pack_bytes());
    }
    assert_eq!(idx.tags().count(), idx.count());
    for first in 0..=255 {
        let _ = idx.find(ChunkId::from_bytes([first; 32]));
    }
    idx.is_sound();
}

#[test]
fn every_flipped_bit_is_refused_or_seen_by_the_checksum() {
    let (id, bytes, entries) = small();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(idx) = Idx::open(id, flipped) else {
            continue;
        };
        assert!(!idx.is_sound(), "bit {bit}");
        for entry in &entries {
            let found = idx.find(entry.id);
            assert!(found.is_none_or(|found| found.id == entry.id), "bit {bit}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let (id, bytes, _) = small();
    for length in 0..bytes.len() {
        Idx::open(id, bytes[..length].to_vec()).expect_err("shorter");
    }
    Idx::open(id, [&bytes[..], &[0]].concat()).expect_err("longer");
}

#[test]
fn another_format_is_of_a_newer_slipway_only_with_its_checksum() {
    let (id, mut bytes, _) = small();
    bytes[4] = 2;
    let rotten = Idx::open(id, bytes.clone()).unwrap_err();
    assert_eq!(rotten.kind(), ErrorKind::Malformed);

    let end = bytes.len() - 32;
    let id = PackId(*blake3::hash(&bytes[..end]).as_bytes());
    bytes[end..].copy_from_slice(id.as_bytes());
    let newer = Idx::open(id, bytes).unwrap_err();
    assert_eq!(newer.kind(), ErrorKind::Unsupported);
    assert!(newer.to_string().contains("newer slipway"), "{newer}");
}

#[test]
fn the_bytes_of_an_idx_are_those_of_the_format() {
    let mut entries = [Entry {
        id: ChunkId::from_bytes([0xab; 32]),
        offset: 0x01_0203_0405,
        raw_bytes: 0x0a_0b0c,
        segment_bytes: 0x01_0e0f,
        crc32: 0x1122_3344,
    }];
    let (id, bytes) = encode(&mut entries, 0x0102_0304_0506).unwrap();
    assert_eq!(
        bytes[..16],
        *b"SWIX\x01\0\x01\0\x06\x05\x04\x03\x02\x01\0\0"
    );
    assert!(bytes[16..16 + 4 * 0xab].iter().all(|byte| *byte == 0));
    assert!(
        bytes[16 + 4 * 0xab..1040]
            .chunks(4)
            .all(|count| count == [1, 0, 0, 0])
    );
    assert_eq!(bytes[1040..1072], [0xab; 32]);
    let rest = b"\x05\x04\x03\x02\x01\x0c\x0b\x0a\x0f\x0e\x01\x44\x33\x22\x11\0";
    assert_eq!(bytes[1072..1088], *rest);
    assert_eq!(bytes[1088..], *id.as_bytes());
    assert_eq!(bytes[1088..], *blake3::hash(&bytes[..1088]).as_bytes());
    assert_eq!(PackId::from_hex(&id.to_string()), Some(id));
    let hex = id.to_string();
    for no in [
        "",
        "ab",
        &hex.replacen('a', "", 1),
        &hex.to_uppercase(),
        &format!("{hex}0"),
    ] {
        assert_eq!(PackId::from_hex(no), None, "{no}");
    }
}
