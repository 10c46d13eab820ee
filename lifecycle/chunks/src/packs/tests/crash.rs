//! What is there when the power goes, or a step fails, in the middle of keeping a pack.

use std::process::Command;

use super::*;
use crate::pack::Step;

const STEPS: [Step; 6] = [
    Step::MakeFolder,
    Step::SyncTop,
    Step::NamePack,
    Step::SyncPack,
    Step::NameIdx,
    Step::SyncIdx,
];

fn failure() -> files::Error {
    // Any error of that crate will do.
    Dir::open(Path::new("/proc/self/status")).unwrap_err()
}

#[test]
fn at_every_step_a_pack_is_whole_or_unseen() {
    let world = world();
    let before = numbered(0..3);
    world.keep(&before);
    let chunks = numbered(10..13);
    let sealed = world.seal(&chunks);
    let id = sealed.id();
    let mut seen = Vec::new();
    let copies = tempfile::tempdir().unwrap();
    sealed
        .keep_by(&mut |step| {
            let copy = copies.path().join(format!("{step:?}"));
            let status = Command::new("cp")
                .arg("-r")
                .arg(world.path())
                .arg(&copy)
                .status();
            assert!(status.unwrap().success());
            seen.push(step);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, STEPS);
    for step in STEPS {
        let copy = copies.path().join(format!("{step:?}"));
        let packs = packs_at(&copy);
        assert!(before.iter().all(|chunk| read(&packs, chunk)), "{step:?}");
        let readable = chunks.iter().filter(|chunk| read(&packs, chunk)).count();
        assert_eq!(
            readable,
            if step == Step::SyncIdx { 3 } else { 0 },
            "{step:?}"
        );
        let strays = packs.strays().unwrap();
        let torn = matches!(step, Step::SyncPack | Step::NameIdx);
        let lacks = Lacks::Idx;
        assert_eq!(
            strays,
            [Stray { pack: id, lacks }][..usize::from(torn)],
            "{step:?}"
        );
        // Whoever finds such a pack may remove it, or take it for what it is.
        if torn {
            let dir = Arc::new(Dir::open(&copy).unwrap());
            let rebuilt = packs.rebuild(id, &dir, Path::new("again")).unwrap();
            assert_eq!(rebuilt.pack, Some(id));
            assert!(chunks.iter().all(|chunk| read(&packs, chunk)));
            packs.remove(id).unwrap();
            assert_eq!(packs.strays().unwrap(), []);
        }
    }
}

#[test]
fn a_step_that_fails_leaves_nothing_and_keeps_what_was_there() {
    let world = world();
    let before = numbered(0..3);
    world.keep(&before);
    let files = files_below(world.path());
    let chunks = numbered(10..13);
    for failing in STEPS {
        let sealed = world.seal(&chunks);
        let mut fail = |step| {
            if step == failing {
                Err(failure())
            } else {
                Ok(())
            }
        };
        let error = sealed.keep_by(&mut fail).unwrap_err();
        assert!(error.to_string().starts_with("keeping pack "), "{error}");
        assert_eq!(files_below(world.path()), files, "{failing:?}");
        let fresh = packs_at(world.path());
        for packs in [&world.packs, &fresh] {
            assert!(before.iter().all(|chunk| read(packs, chunk)));
            assert!(!chunks.iter().any(|chunk| read(packs, chunk)));
        }
    }
    world.keep(&chunks);
    assert!(chunks.iter().all(|chunk| read(&world.packs, chunk)));
}

#[test]
fn a_pack_that_was_there_stays_when_its_copy_cannot_be_kept() {
    let world = world();
    let chunks = numbered(0..3);
    let id = world.keep(&chunks);
    for failing in STEPS {
        let sealed = world.seal(&chunks);
        assert_eq!(sealed.id(), id);
        let mut fail = |step| {
            if step == failing {
                Err(failure())
            } else {
                Ok(())
            }
        };
        sealed.keep_by(&mut fail).unwrap_err();
        let fresh = packs_at(world.path());
        assert!(
            chunks.iter().all(|chunk| read(&fresh, chunk)),
            "{failing:?}"
        );
        assert_eq!(fresh.verify(id, true).unwrap(), []);
    }
}

#[test]
fn removing_takes_the_idx_first() {
    let world = world();
    let id = world.keep(&numbered(0..3));
    let names = Names::of(id);
    // A folder cannot be unlinked: the pack is what fails.
    std::fs::remove_file(world.on_disk(&names.pack)).unwrap();
    std::fs::create_dir(world.on_disk(&names.pack)).unwrap();
    world.packs.remove(id).unwrap_err();
    assert!(!world.on_disk(&names.idx).exists());
    std::fs::remove_dir(world.on_disk(&names.pack)).unwrap();
    world.packs.remove(id).unwrap();
    world.packs.remove(id).unwrap();
}
