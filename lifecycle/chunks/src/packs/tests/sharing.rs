//! Several processes and threads on one folder.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;

#[test]
fn what_another_process_keeps_or_removes_is_seen_at_once() {
    let world = world();
    let other = packs_at(world.path());
    for round in 0..20 {
        let chunks = numbered(round * 3..round * 3 + 3);
        assert!(!chunks.iter().any(|chunk| read(&other, chunk)));
        let id = world.keep(&chunks);
        assert!(chunks.iter().all(|chunk| read(&other, chunk)));
        if round % 2 == 0 {
            other.remove(id).unwrap();
            assert!(!chunks.iter().any(|chunk| read(&world.packs, chunk)));
        }
    }
}

#[test]
fn a_pack_that_goes_while_somebody_counts_on_it_gives_nothing() {
    let world = world();
    let chunk = Chunk::numbered(1);
    let id = world.keep(std::slice::from_ref(&chunk));
    let other = packs_at(world.path());
    let found = other.find(chunk.id()).unwrap()[0];
    world.packs.remove(id).unwrap();
    assert_eq!(other.read(&found).unwrap(), None);
    assert_eq!(other.find(chunk.id()).unwrap(), []);
    assert_eq!(other.all().unwrap(), []);
    // A file that disappears by another hand.
    let id = world.keep(std::slice::from_ref(&chunk));
    let found = other.find(chunk.id()).unwrap()[0];
    std::fs::remove_file(world.on_disk(&Names::of(id).pack)).unwrap();
    assert_eq!(other.read(&found).unwrap(), None);
}

#[test]
fn an_idx_that_was_mapped_while_damaged_is_mapped_anew_when_it_is_healed() {
    let world = world();
    let chunks = numbered(0..3);
    let id = world.keep(&chunks);
    let names = Names::of(id);
    let mut idx = world.bytes_of(&names.idx);
    // The ids: it can be opened, and finds nothing.
    for entry in idx[1040..1040 + 3 * 48].chunks_mut(48) {
        entry[1] ^= 1;
    }
    world.replace(&names.idx, &idx);
    let other = packs_at(world.path());
    assert!(!chunks.iter().any(|chunk| read(&other, chunk)));
    assert_eq!(world.keep(&chunks), id);
    assert!(chunks.iter().all(|chunk| read(&other, chunk)));
}

#[test]
fn the_announcements_may_be_removed_by_hand() {
    let world = world();
    let other = packs_at(world.path());
    world.keep(&numbered(0..3));
    assert!(read(&other, &Chunk::numbered(0)));
    std::fs::remove_file(world.on_disk(Path::new("changes"))).unwrap();
    assert!(read(&other, &Chunk::numbered(0)));
    world.keep(&numbered(3..6));
    assert!(read(&other, &Chunk::numbered(3)));
}

#[test]
fn nothing_is_written_where_only_reading_is_done() {
    let world = world();
    world.keep(&numbered(0..3));
    std::fs::remove_file(world.on_disk(Path::new("changes"))).unwrap();
    let before = files_below(world.path());
    let packs = packs_at(world.path());
    assert!(read(&packs, &Chunk::numbered(0)));
    assert!(!read(&packs, &Chunk::numbered(5)));
    let id = packs.all().unwrap()[0].id;
    packs.verify(id, true).unwrap();
    packs.strays().unwrap();
    assert_eq!(files_below(world.path()), before);
}

/// Two processes with two threads each look for what others keep and remove. Packs with an even number stay.
#[test]
fn find_read_keep_and_remove_go_on_side_by_side() {
    const ROUNDS: u32 = 60;
    let world = world();
    let other = packs_at(world.path());
    let (kept, removed) = (AtomicU32::new(0), AtomicU32::new(0));
    let is_over = AtomicBool::new(false);
    let chunks_of = |round: u32| numbered(round * 4..round * 4 + 4);
    std::thread::scope(|scope| {
        for packs in [&world.packs, &world.packs, &other, &other] {
            let (kept, removed, is_over) = (&kept, &removed, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Acquire) {
                    let count = kept.load(Ordering::Acquire);
                    let gone = removed.load(Ordering::Acquire);
                    for round in 0..ROUNDS {
                        let stays = round < count && round % 2 == 0;
                        for chunk in chunks_of(round) {
                            if round < gone && round % 2 == 1 {
                                assert_eq!(packs.find(chunk.id()).unwrap(), [], "round {round}");
                            }
                            assert!(read(packs, &chunk) || !stays, "round {round} of {count}");
                        }
                    }
                }
            });
        }
        for round in 0..ROUNDS {
            let id = world.keep(&chunks_of(round));
            kept.store(round + 1, Ordering::Release);
            if round % 2 == 1 {
                let packs = if round % 4 == 1 { &world.packs } else { &other };
                packs.remove(id).unwrap();
                removed.store(round + 1, Ordering::Release);
            }
        }
        is_over.store(true, Ordering::Release);
    });
    let all = packs_at(world.path()).all().unwrap();
    assert_eq!(all.len(), usize::try_from(ROUNDS / 2).unwrap());
}

#[test]
fn processes_that_keep_the_same_pack_at_once_all_have_it() {
    let world = world();
    let chunks = numbered(0..5);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (world, chunks) = (&world, &chunks);
            scope.spawn(move || {
                let packs = packs_at(world.path());
                for _ in 0..10 {
                    let part = PathBuf::from(format!("part-{number}"));
                    let mut writer = packs.begin(&world.dir, &part).unwrap();
                    push_all(chunks, &mut writer);
                    writer.seal().unwrap().keep().unwrap();
                    assert!(chunks.iter().all(|chunk| read(&packs, chunk)));
                }
            });
        }
    });
    assert_eq!(world.packs.all().unwrap().len(), 1);
    assert_eq!(world.packs.strays().unwrap(), []);
}
