//! Files are there whole or not at all; locks are held by the living only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use files::{Dir, ErrorKind, Lock, write_durable};

#[test]
fn content_is_replaced_and_nothing_else_is_left() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("file");
    for content in ["first", "second, longer", ""] {
        write_durable(&path, content.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o644
    );
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 1);
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let world = tempfile::tempdir().unwrap();
    fs::create_dir_all(world.path().join("folder/full")).unwrap();
    assert!(write_durable(&world.path().join("folder"), b"x").is_err());
    assert_eq!(
        write_durable(&world.path().join("missing/file"), b"x")
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
    assert!(world.path().join("folder/full").is_dir());
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 1);
}

#[test]
fn readers_never_see_half_of_it() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("file");
    let contents = [vec![b'a'; 100_000], vec![b'b'; 200_000]];
    write_durable(&path, &contents[0]).unwrap();
    std::thread::scope(|scope| {
        for content in &contents {
            scope.spawn(|| (0..20).for_each(|_| write_durable(&path, content).unwrap()));
        }
        for _ in 0..200 {
            assert!(contents.contains(&fs::read(&path).unwrap()));
        }
    });
    assert_eq!(fs::read_dir(world.path()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_program_left_goes_and_what_is_being_written_stays() {
    let world = tempfile::tempdir().unwrap();
    let living = files::temporary(world.path(), ".new-").unwrap();
    for name in [".new-dead", ".other", "new-"] {
        fs::write(world.path().join(name), "").unwrap();
    }
    fs::create_dir(world.path().join(".new-folder")).unwrap();
    files::remove_abandoned(&Dir::open(world.path()).unwrap(), ".new-").unwrap();
    let left = |name: &str| world.path().join(name).exists();
    assert!(!left(".new-dead"));
    assert!(living.path().exists() && left(".other") && left("new-") && left(".new-folder"));
    living.persist(world.path().join("done")).unwrap();
    assert!(left("done"));
}

#[test]
fn nobody_loses_a_file_to_those_who_tidy_at_the_same_time() {
    let world = tempfile::tempdir().unwrap();
    let dir = Dir::open(world.path()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                files::remove_abandoned(&dir, ".new-").unwrap();
            }
        });
        for _ in 0..300 {
            write_durable(&world.path().join("file"), b"x").unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn one_holds_a_lock_exclusively_or_many_share_it() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("lock");
    let shared = [
        Lock::shared(&path, Duration::ZERO).unwrap(),
        Lock::shared(&path, Duration::ZERO).unwrap(),
    ];
    assert!(Lock::try_exclusive(&path).unwrap().is_none());
    drop(shared);
    let alone = Lock::try_exclusive(&path)
        .unwrap()
        .expect("nobody holds it");
    assert!(Lock::try_exclusive(&path).unwrap().is_none());
    let error = Lock::shared(&path, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let process = format!("process {} holds it", std::process::id());
    assert!(error.to_string().contains(&process), "{error}");
    drop(alone);
    Lock::exclusive(&path, Duration::ZERO).unwrap();
}

#[test]
fn waiting_ends_when_the_lock_is_free_or_the_time_is_over() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("lock");
    let held = Lock::exclusive(&path, Duration::ZERO).unwrap();
    let start = Instant::now();
    let wait = Duration::from_millis(80);
    assert_eq!(
        Lock::exclusive(&path, wait).unwrap_err().kind(),
        ErrorKind::Busy
    );
    assert!(start.elapsed() >= wait);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Lock::exclusive(&path, Duration::MAX));
        drop(held);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_lock_tells_when_it_was_used_last() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let used = |lock: &dyn Fn() -> files::Lock| {
        let file = fs::File::options().create(true).append(true).open(&path);
        file.unwrap().set_modified(long_ago).unwrap();
        drop(lock());
        fs::metadata(&path).unwrap().modified().unwrap() > long_ago
    };
    let shared = || files::Lock::shared(&path, std::time::Duration::ZERO).unwrap();
    assert!(!used(&shared), "reading is no use by itself");
    assert!(used(&|| {
        let lock = shared();
        lock.note_use();
        lock
    }));
    assert!(used(&|| files::Lock::try_exclusive(&path)
        .unwrap()
        .unwrap()));
}
