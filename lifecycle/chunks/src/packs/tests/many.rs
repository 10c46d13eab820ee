//! Many packs, and few made of them.

use super::*;

fn has_catalog(packs: &Packs) -> bool {
    let listing = packs.listing.read().unwrap();
    listing
        .as_ref()
        .is_some_and(|listing| listing.has_catalog())
}

#[test]
fn many_packs_are_searched_by_a_catalog_that_packs_come_to_and_go_from() {
    let world = world();
    let shared = Chunk::numbered(1_000_000);
    let mut ids = Vec::new();
    for pack in 0..40 {
        let mut chunks = numbered(pack * 5..pack * 5 + 5);
        chunks.push(shared.clone());
        ids.push(world.keep(&chunks));
    }
    let packs = packs_at(world.path());
    assert!(!has_catalog(&packs));
    let everything = || (0..200).all(|number| read(&packs, &Chunk::numbered(number)));
    assert!(everything());
    assert!(has_catalog(&packs));
    assert!(everything());
    assert!(!read(&packs, &Chunk::numbered(200)));
    assert_eq!(packs.find(shared.id()).unwrap().len(), 40);

    // One more, one less, one damaged and healed.
    world.keep(&numbered(200..205));
    assert!(read(&packs, &Chunk::numbered(200)));
    assert!(has_catalog(&packs));
    world.packs.remove(ids[7]).unwrap();
    assert!(!read(&packs, &Chunk::numbered(35)));
    assert!(read(&packs, &Chunk::numbered(40)));
    assert_eq!(packs.find(shared.id()).unwrap().len(), 39);
    let mut again = numbered(35..40);
    again.push(shared.clone());
    assert_eq!(world.keep(&again), ids[7]);
    assert!(read(&packs, &Chunk::numbered(35)));
    assert_eq!(packs.find(shared.id()).unwrap().len(), 40);
    assert!(everything());
}

fn repack(world: &World, packs: &[PackId], live: &dyn Fn(ChunkId) -> bool) -> Repacked {
    world
        .packs
        .repack(packs, live, &world.dir, Path::new(PART))
        .unwrap()
}

#[test]
fn repacking_keeps_what_is_live_once() {
    let world = world();
    let packs: Vec<_> = (0..4)
        .map(|n| world.keep(&numbered(n * 3..n * 3 + 5)))
        .collect();
    let dead = Chunk::numbered(6).id();
    let repacked = repack(&world, &packs, &|id| id != dead);
    let [new] = repacked.packs[..] else {
        panic!("one pack: {repacked:?}");
    };
    assert_eq!(repacked.obsolete, packs);
    assert_eq!(repacked.lost, []);
    for pack in repacked.obsolete {
        world.packs.remove(pack).unwrap();
    }
    let fresh = packs_at(world.path());
    for number in 0..14 {
        assert_eq!(read(&fresh, &Chunk::numbered(number)), number != 6);
    }
    assert_eq!(fresh.ids(new).unwrap().len(), 13);
    assert_eq!(fresh.verify(new, true).unwrap(), []);
    assert_eq!(files_below(world.path()).len(), 3);
}

#[test]
fn a_pack_that_comes_out_as_it_was_is_not_obsolete() {
    let world = world();
    let pack = world.keep(&numbered(0..5));
    let repacked = repack(&world, &[pack], &|_| true);
    assert_eq!((repacked.packs, repacked.obsolete), (vec![pack], vec![]));
}

#[test]
fn nothing_live_makes_no_pack() {
    let world = world();
    let pack = world.keep(&numbered(0..5));
    let repacked = repack(&world, &[pack], &|_| false);
    assert_eq!((repacked.packs, repacked.obsolete), (vec![], vec![pack]));
}

#[test]
fn repacking_takes_the_sound_copy_and_names_what_has_none() {
    let world = world();
    let chunks = numbered(0..4);
    let (one, two) = (world.keep(&chunks), world.keep(&chunks[..2]));
    let names = Names::of(one);
    let mut bytes = world.bytes_of(&names.pack);
    for found in world.packs.ids(one).unwrap() {
        bytes[usize::try_from(found.offset).unwrap()] ^= 1;
    }
    world.replace(&names.pack, &bytes);
    let missing = PackId::from_hex(&"0".repeat(64)).unwrap();
    let repacked = repack(&world, &[one, missing, two], &|_| true);
    assert_eq!(repacked.obsolete, [one]);
    assert_eq!(repacked.packs, [two]);
    assert_eq!(repacked.lost, [chunks[2].id(), chunks[3].id()]);
}

#[test]
fn a_pack_with_a_broken_idx_is_never_called_obsolete() {
    let world = world();
    let pack = world.keep(&numbered(0..4));
    let names = Names::of(pack);
    let mut idx = world.bytes_of(&names.idx);
    // An id: the idx can be opened.
    idx[1040 + 5] ^= 1;
    world.replace(&names.idx, &idx);
    let fresh = packs_at(world.path());
    let repacked = fresh
        .repack(&[pack], &|_| true, &world.dir, Path::new(PART))
        .unwrap();
    assert_eq!(repacked, Repacked::default());
}
