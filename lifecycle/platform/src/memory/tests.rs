use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::*;

struct World {
    dir: tempfile::TempDir,
    file: PathBuf,
}

/// A file that was written just now.
fn world(content: &str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, content).unwrap();
    World { dir, file }
}

/// A build that begins so many seconds after now.
fn after(seconds: u64, before: &Facts) -> Memory {
    let now = SystemTime::now() + Duration::from_secs(seconds);
    Memory::new(before.clone(), now)
}

/// What a build that begins in ten seconds remembers of the file.
fn remembered(world: &World) -> Facts {
    let mut memory = after(10, &Facts::new());
    memory.digest(&world.file).unwrap();
    memory.facts().clone()
}

fn recalled(world: &World, facts: &Facts) -> Option<Digest> {
    let stat = Stat::of(&File::open(&world.file).unwrap()).unwrap();
    after(20, facts).recall(&world.file, &stat)
}

#[test]
fn an_unchanged_file_is_known_without_reading_it() {
    let world = world("a");
    let facts = remembered(&world);
    assert_eq!(recalled(&world, &facts), Some(Digest::of(b"a")));
    let mut memory = after(20, &facts);
    memory.digest(&world.file).unwrap();
    assert!(!memory.grew());
    assert_eq!(*memory.facts(), facts);
}

#[test]
fn a_file_that_has_just_been_written_is_not_remembered() {
    let world = world("a");
    let mut memory = after(0, &Facts::new());
    assert_eq!(memory.digest(&world.file).unwrap(), Digest::of(b"a"));
    assert!(memory.facts().is_empty() && !memory.grew());
}

#[test]
fn a_file_of_the_future_is_read_every_time() {
    let world = world("a");
    let future = SystemTime::now() + Duration::from_hours(24);
    File::open(&world.file)
        .unwrap()
        .set_modified(future)
        .unwrap();
    assert!(remembered(&world).is_empty());
}

#[test]
fn other_content_of_the_same_size_with_the_old_time_is_noticed() {
    let world = world("a");
    let facts = remembered(&world);
    let modified = fs::metadata(&world.file).unwrap().modified().unwrap();
    wait_for_the_clock(&world.file);
    fs::write(&world.file, "b").unwrap();
    File::open(&world.file)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    assert_eq!(recalled(&world, &facts), None);
    let mut memory = after(20, &facts);
    assert_eq!(memory.digest(&world.file).unwrap(), Digest::of(b"b"));
}

#[test]
fn another_file_in_its_place_is_noticed() {
    let world = world("a");
    let facts = remembered(&world);
    let modified = fs::metadata(&world.file).unwrap().modified().unwrap();
    let other = world.dir.path().join("other");
    fs::write(&other, "b").unwrap();
    File::open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(other, &world.file).unwrap();
    assert_eq!(recalled(&world, &facts), None);
}

#[test]
fn a_copy_has_the_digest_of_what_was_copied_known_or_not() {
    let world = world("a");
    let facts = remembered(&world);
    for facts in [facts, Facts::new()] {
        let copy = world.dir.path().join("copy");
        let mut to = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&copy)
            .unwrap();
        let mut from = File::open(&world.file).unwrap();
        let read = after(20, &facts).read(&world.file, &mut from, Some(&mut to));
        assert_eq!(read.unwrap(), (1, Digest::of(b"a")));
        assert_eq!(fs::read(copy).unwrap(), b"a");
    }
}

#[test]
fn the_state_of_a_folder_follows_every_change_below_it() {
    let world = world("a");
    fs::create_dir(world.dir.path().join("below")).unwrap();
    fs::write(world.dir.path().join("below/wheel"), "x").unwrap();
    let state = || after(10, &Facts::new()).state(world.dir.path());
    let before = state();
    assert!(before.is_some());
    assert_eq!(state(), before);

    wait_for_the_clock(&world.file);
    fs::write(world.dir.path().join("below/wheel"), "y").unwrap();
    let changed = state();
    assert_ne!(changed, before);
    fs::remove_file(world.dir.path().join("below/wheel")).unwrap();
    assert_ne!(state(), changed);
    let nobody_can_tell = after(0, &Facts::new()).state(world.dir.path());
    assert_eq!(nobody_can_tell, None);
}

/// Returns when a change would get another time than the file's last one.
fn wait_for_the_clock(file: &Path) {
    let before = fs::metadata(file).unwrap();
    let probe = file.with_file_name("probe");
    loop {
        fs::write(&probe, "").unwrap();
        let now = fs::metadata(&probe).unwrap();
        fs::remove_file(&probe).unwrap();
        if (now.ctime(), now.ctime_nsec()) != (before.ctime(), before.ctime_nsec()) {
            return;
        }
    }
}

#[test]
fn a_changed_mode_is_a_change() {
    let world = world("a");
    let facts = remembered(&world);
    fs::set_permissions(&world.file, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(recalled(&world, &facts), None);
}
