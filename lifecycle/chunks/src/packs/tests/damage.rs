//! Bits that flip, files that end too early or are gone.

use super::*;

/// Three chunks in one pack and what its files hold.
struct Small {
    world: World,
    chunks: Vec<Chunk>,
    id: PackId,
    names: Names,
    pack: Vec<u8>,
    idx: Vec<u8>,
}

fn small() -> Small {
    let world = world();
    let chunks = vec![
        Chunk::of(b"one"),
        Chunk::of(&[7; 5000]),
        Chunk::of(b"three, which is a little longer than the first"),
    ];
    let id = world.keep(&chunks);
    let names = Names::of(id);
    Small {
        pack: world.bytes_of(&names.pack),
        idx: world.bytes_of(&names.idx),
        world,
        chunks,
        id,
        names,
    }
}

impl Small {
    /// As seen by a process that comes now: which chunks can be read. Whatever is damaged, nothing is ever read wrong.
    fn readable(&self) -> usize {
        let packs = packs_at(self.world.path());
        self.chunks
            .iter()
            .filter(|chunk| read(&packs, chunk))
            .count()
    }

    fn is_damaged(&self) -> bool {
        let packs = packs_at(self.world.path());
        let shallow = packs.verify(self.id, false).is_ok_and(|bad| bad.is_empty());
        let deep = packs.verify(self.id, true).is_ok_and(|bad| bad.is_empty());
        assert_eq!(shallow, deep);
        !shallow
    }

    /// Rebuilds, and says how many chunks can be read then.
    fn rebuild(&self) -> usize {
        let packs = packs_at(self.world.path());
        let rebuilt = packs
            .rebuild(self.id, &self.world.dir, Path::new(PART))
            .unwrap();
        match rebuilt.pack {
            Some(pack) => {
                assert_eq!(packs.verify(pack, true).unwrap(), []);
                assert_eq!(packs.all().unwrap().len(), 1);
            }
            None => assert_eq!(packs.all().unwrap(), []),
        }
        assert_eq!(packs.strays().unwrap(), []);
        assert!(!self.world.path().join(PART).exists());
        let readable = self.readable();
        assert_eq!(readable, rebuilt.chunks);
        readable
    }

    /// As it was in the beginning.
    fn reset(&self) {
        let packs = packs_at(self.world.path());
        for info in packs.all().unwrap() {
            packs.remove(info.id).unwrap();
        }
        self.world.replace(&self.names.pack, &self.pack);
        self.world.replace(&self.names.idx, &self.idx);
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

#[test]
fn every_flipped_bit_of_an_idx_is_detected() {
    let small = small();
    for bit in 0..small.idx.len() * 8 {
        small
            .world
            .replace(&small.names.idx, &flipped(&small.idx, bit));
        small.readable();
        assert!(small.is_damaged(), "bit {bit}");
    }
}

#[test]
fn every_flipped_bit_of_a_pack_is_detected_and_costs_one_chunk_at_most() {
    let small = small();
    for bit in 0..small.pack.len() * 8 {
        small
            .world
            .replace(&small.names.pack, &flipped(&small.pack, bit));
        assert!(small.readable() >= 2, "bit {bit}");
        assert!(small.is_damaged(), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_detected() {
    let small = small();
    for length in 0..small.pack.len() {
        small
            .world
            .replace(&small.names.pack, &small.pack[..length]);
        small.readable();
        assert!(small.is_damaged(), "{length} bytes of the pack");
    }
    small.world.replace(&small.names.pack, &small.pack);
    for length in 0..small.idx.len() {
        small.world.replace(&small.names.idx, &small.idx[..length]);
        assert_eq!(small.readable(), 0);
        assert!(small.is_damaged(), "{length} bytes of the idx");
    }
}

#[test]
fn more_bytes_than_were_written_are_detected() {
    let small = small();
    small
        .world
        .replace(&small.names.pack, &[&small.pack[..], b"x"].concat());
    assert_eq!(small.readable(), 3);
    assert!(small.is_damaged());
    assert_eq!(small.rebuild(), 3);
    assert_eq!(small.world.bytes_of(&small.names.pack), small.pack);
    small
        .world
        .replace(&small.names.idx, &[&small.idx[..], b"x"].concat());
    assert_eq!(small.readable(), 0);
    assert!(small.is_damaged());
    assert_eq!(small.rebuild(), 3);
}

#[test]
fn a_broken_or_lost_idx_is_made_anew_as_it_was() {
    let small = small();
    for at in (0..small.idx.len()).step_by(61) {
        small
            .world
            .replace(&small.names.idx, &flipped(&small.idx, at * 8 + at % 8));
        assert_eq!(small.rebuild(), 3, "byte {at}");
        assert_eq!(small.world.bytes_of(&small.names.idx), small.idx);
        assert_eq!(small.world.bytes_of(&small.names.pack), small.pack);
    }
    for lost in [&b""[..], &small.idx[..20]] {
        small.world.replace(&small.names.idx, lost);
        assert_eq!(small.rebuild(), 3);
    }
    std::fs::remove_file(small.world.on_disk(&small.names.idx)).unwrap();
    let packs = packs_at(small.world.path());
    let lacks = Lacks::Idx;
    assert_eq!(
        packs.strays().unwrap(),
        [Stray {
            pack: small.id,
            lacks
        }]
    );
    assert_eq!(
        packs.verify(small.id, false).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(small.rebuild(), 3);
    assert_eq!(small.world.bytes_of(&small.names.idx), small.idx);
}

#[test]
fn what_a_damaged_pack_still_holds_is_kept_with_and_without_its_idx() {
    let small = small();
    for at in (0..small.pack.len()).step_by(9) {
        for with_idx in [true, false] {
            small
                .world
                .replace(&small.names.pack, &flipped(&small.pack, at * 8));
            if !with_idx {
                std::fs::remove_file(small.world.on_disk(&small.names.idx)).unwrap();
            }
            assert!(small.rebuild() >= 2, "byte {at}, {with_idx}");
            small.reset();
        }
    }
}

#[test]
fn a_torn_pack_keeps_what_stands_before_its_end() {
    let small = small();
    let ends: Vec<_> = small.world.packs.ids(small.id).unwrap();
    let ends: Vec<_> = ends
        .iter()
        .map(|found| found.offset + u64::from(found.segment_bytes))
        .collect();
    for length in (8..small.pack.len()).step_by(11) {
        for with_idx in [true, false] {
            small
                .world
                .replace(&small.names.pack, &small.pack[..length]);
            if !with_idx {
                std::fs::remove_file(small.world.on_disk(&small.names.idx)).unwrap();
            }
            let whole = ends.iter().filter(|end| **end <= to_u64(length)).count();
            assert_eq!(small.rebuild(), whole, "{length} bytes, {with_idx}");
            small.reset();
        }
    }
}

#[test]
fn rebuilding_names_what_is_lost() {
    let small = small();
    let found = small.world.packs.find(small.chunks[1].id()).unwrap()[0];
    let at = usize::try_from(found.offset).unwrap() + 3;
    small
        .world
        .replace(&small.names.pack, &flipped(&small.pack, at * 8));
    let packs = packs_at(small.world.path());
    assert_eq!(
        packs.verify(small.id, false).unwrap(),
        [small.chunks[1].id()]
    );
    let rebuilt = packs
        .rebuild(small.id, &small.world.dir, Path::new(PART))
        .unwrap();
    assert_eq!(
        (rebuilt.chunks, rebuilt.lost),
        (2, vec![small.chunks[1].id()])
    );
    assert_eq!(packs.ids(small.id).unwrap(), []);
}

#[test]
fn an_idx_without_its_pack_is_a_stray_and_gives_nothing() {
    let small = small();
    std::fs::remove_file(small.world.on_disk(&small.names.pack)).unwrap();
    assert_eq!(small.readable(), 0);
    let packs = packs_at(small.world.path());
    let lacks = Lacks::Pack;
    assert_eq!(
        packs.strays().unwrap(),
        [Stray {
            pack: small.id,
            lacks
        }]
    );
    assert_eq!(packs.verify(small.id, false).unwrap().len(), 3);
    assert_eq!(small.rebuild(), 0);
}

#[test]
fn what_is_no_file_is_no_pack() {
    let small = small();
    for name in [&small.names.idx, &small.names.pack] {
        std::fs::remove_file(small.world.on_disk(name)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", small.world.on_disk(name)).unwrap();
        assert_eq!(small.readable(), 0);
        std::fs::remove_file(small.world.on_disk(name)).unwrap();
        std::fs::create_dir(small.world.on_disk(name)).unwrap();
        assert_eq!(small.readable(), 0);
        std::fs::remove_dir(small.world.on_disk(name)).unwrap();
        small.reset();
    }
    assert_eq!(small.readable(), 3);
}

#[test]
fn a_segment_that_holds_another_chunk_is_seen_when_one_looks_deep() {
    let world = world();
    let mut writer = world.begin();
    let (one, two) = (Chunk::numbered(1), Chunk::numbered(2));
    writer.push(one.id(), 14, &two.segment).unwrap();
    two.push(&mut writer);
    let sealed = writer.seal().unwrap();
    let pack = sealed.id();
    sealed.keep().unwrap();
    assert_eq!(world.packs.verify(pack, false).unwrap(), []);
    assert_eq!(world.packs.verify(pack, true).unwrap(), [one.id()]);
    let rebuilt = world
        .packs
        .rebuild(pack, &world.dir, Path::new(PART))
        .unwrap();
    assert_eq!((rebuilt.chunks, rebuilt.lost), (1, vec![one.id()]));
}

#[test]
fn a_pack_of_a_newer_slipway_is_passed_over_and_kept() {
    let small = small();
    let mut idx = small.idx.clone();
    idx[6] = 2;
    let end = idx.len() - 32;
    let hash = *blake3::hash(&idx[..end]).as_bytes();
    idx[end..].copy_from_slice(&hash);
    let newer = PackId::from_hex(&ChunkId::from_bytes(hash).to_string()).unwrap();
    let names = Names::of(newer);
    std::fs::create_dir_all(small.world.on_disk(&names.folder)).unwrap();
    small.world.replace(&names.idx, &idx);
    let mut pack = small.pack.clone();
    pack[6] = 2;
    small.world.replace(&names.pack, &pack[..8]);

    let packs = packs_at(small.world.path());
    assert_eq!(small.readable(), 3);
    assert_eq!(packs.all().unwrap().len(), 1);
    assert_eq!(packs.strays().unwrap(), []);
    let rebuild = || {
        packs
            .rebuild(newer, &small.world.dir, Path::new(PART))
            .unwrap_err()
    };
    assert_eq!(
        packs.verify(newer, false).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(rebuild().kind(), ErrorKind::Unsupported);
    // Without its idx, too.
    std::fs::remove_file(small.world.on_disk(&names.idx)).unwrap();
    assert_eq!(rebuild().kind(), ErrorKind::Unsupported);
    assert!(small.world.on_disk(&names.pack).exists());
}

#[test]
fn a_good_copy_is_found_beside_a_bad_one_and_a_bad_one_is_overwritten() {
    let small = small();
    let found = small.world.packs.find(small.chunks[1].id()).unwrap()[0];
    let at = usize::try_from(found.offset).unwrap();
    small
        .world
        .replace(&small.names.pack, &flipped(&small.pack, at * 8));
    let packs = packs_at(small.world.path());
    assert!(!read(&packs, &small.chunks[1]));
    let other = small.world.keep(&small.chunks[1..2]);
    assert!(read(&packs, &small.chunks[1]));
    packs.remove(other).unwrap();
    assert!(!read(&packs, &small.chunks[1]));
    // The same chunks make the same pack, whose right bytes take the place of the wrong ones.
    assert_eq!(small.world.keep(&small.chunks), small.id);
    assert!(read(&packs, &small.chunks[1]));
    assert!(!small.is_damaged());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_in_the_place_of_a_pack_are_survived(
        // After the head: a pack of another format is nothing that one may rebuild.
        start in 8..800usize,
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let small = small();
        let mut pack = small.pack.clone();
        let start = start.min(pack.len());
        let end = (start + garbage.len()).min(pack.len());
        pack.splice(start..end, garbage);
        small.world.replace(&small.names.pack, &pack);
        small.readable();
        std::fs::remove_file(small.world.on_disk(&small.names.idx)).unwrap();
        small.rebuild();
    }
}
