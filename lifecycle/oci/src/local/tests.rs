use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::{ErrorKind, MediaType, testing};

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// As another process would: nothing is shared but the folder.
    fn open(&self) -> Arc<Local> {
        Local::open(&self.dir.path().join("store")).unwrap()
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("store").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn blob(&self, digest: Digest) -> PathBuf {
        self.dir
            .path()
            .join("store/blobs/sha256")
            .join(digest.hex())
    }
}

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn image(store: &Arc<Local>, seed: u64) -> Image {
    let store: Arc<dyn Store> = store.clone();
    testing::image(seed, 3, &store)
}

#[test]
fn the_local_store_keeps_the_promises_of_stores_and_images() {
    let world = World::new();
    let number = std::cell::Cell::new(0);
    testing::check_store(&|| {
        number.set(number.get() + 1);
        Local::open(&world.dir.path().join(number.get().to_string())).unwrap()
    });
    testing::check_images(&*world.open(), "r.example/a");
}

#[test]
fn what_one_process_published_the_next_one_finds() {
    let world = World::new();
    let digest = {
        let store = world.open();
        store
            .publish(
                &image(&store, 1),
                &[
                    name("app"),
                    name("localhost:5000/App/b:x".to_lowercase().as_str()),
                ],
            )
            .unwrap()
    };
    let store = world.open();
    assert_eq!(
        store
            .find(&name("docker.io/library/app:latest"))
            .unwrap()
            .unwrap()
            .digest(),
        digest
    );
    let names: Vec<_> = store
        .list()
        .unwrap()
        .iter()
        .map(|named| named.name.to_string())
        .collect();
    assert_eq!(
        names,
        ["docker.io/library/app:latest", "localhost:5000/app/b:x"]
    );
    assert!(store.remove(&name("app")).unwrap());
    assert!(!store.remove(&name("app")).unwrap());
    assert!(store.find(&name("app")).unwrap().is_none());
}

#[test]
fn a_collection_removes_what_no_name_needs() {
    let world = World::new();
    let (kept, dropped) = {
        let store = world.open();
        let (kept, dropped) = (image(&store, 1), image(&store, 2));
        store.publish(&kept, &[name("kept")]).unwrap();
        store.publish(&dropped, &[name("dropped")]).unwrap();
        store.remove(&name("dropped")).unwrap();
        (kept.digest(), dropped.digest())
    };
    let store = world.open();
    let before = world.files("blobs/sha256").len();
    let collected = store.collect().unwrap();
    // Manifest, config and two layers; the lowest one is shared.
    assert_eq!(
        (collected.blobs, before - world.files("blobs/sha256").len()),
        (4, 4)
    );
    let found = store.find(&name("kept")).unwrap().unwrap();
    assert_eq!(found.digest(), kept);
    for layer in found.layers() {
        std::io::copy(&mut layer.blob.open().unwrap(), &mut std::io::sink()).unwrap();
    }
    assert!(!store.contains(dropped).unwrap());
    assert_eq!(store.collect().unwrap(), Collected::default());
}

#[test]
fn a_collection_is_due_at_first_and_again_when_much_was_written_since() {
    let world = World::new();
    let store = world.open();
    assert!(store.is_due_for_collection().unwrap());
    store.collect().unwrap();
    assert!(!store.is_due_for_collection().unwrap());
    let write = |seed: u32| {
        let bytes = seed.to_le_bytes();
        let blob = Descriptor::of(MediaType::OciLayerGzip, &bytes);
        store.write(&blob, &mut &bytes[..]).unwrap();
    };
    (0..32).for_each(write);
    assert!(!store.is_due_for_collection().unwrap());
    write(32);
    assert!(store.is_due_for_collection().unwrap());
    drop(store);
    let store = world.open();
    assert_eq!(store.collect().unwrap().blobs, 33);
    assert!(!store.is_due_for_collection().unwrap());
    fs::write(world.dir.path().join("store/collected"), "much\n").unwrap();
    assert!(store.is_due_for_collection().unwrap());
    store.collect().unwrap();
    for dead in 0..5 {
        let left = format!("store/sessions/dead-{dead}");
        fs::create_dir(world.dir.path().join(left)).unwrap();
    }
    assert!(store.is_due_for_collection().unwrap());
}

#[test]
fn a_collection_spares_what_a_running_build_wrote_found_or_was_promised() {
    let world = World::new();
    let old = {
        let store = world.open();
        let old = image(&store, 1);
        store.publish(&old, &[name("old")]).unwrap();
        old
    };
    let (build, collector) = (world.open(), world.open());
    // Found: then its name goes.
    let found = build.find(&name("old")).unwrap().unwrap();
    collector.remove(&name("old")).unwrap();
    // Written, not yet named.
    let written = image(&build, 2);
    // Half written.
    let mut half = build.begin().unwrap();
    half.write_all(b"half").unwrap();
    assert_eq!(collector.collect().unwrap(), Collected::default());
    half.finish(&Descriptor::of(MediaType::OciLayer, b"half"))
        .unwrap();
    build.publish(&written, &[name("new")]).unwrap();
    build.publish(&found, &[name("again")]).unwrap();
    drop((found, written, build));
    assert_eq!(
        collector.collect().unwrap(),
        Collected { blobs: 1, bytes: 4 }
    );
    assert_eq!(
        collector.find(&name("again")).unwrap().unwrap().digest(),
        old.digest()
    );
}

#[test]
fn a_blob_outlives_the_store_it_was_read_from() {
    let world = World::new();
    let layer = {
        let store = world.open();
        store.publish(&image(&store, 1), &[name("a")]).unwrap();
        store.find(&name("a")).unwrap().unwrap().layers()[0].clone()
    };
    let collector = world.open();
    collector.remove(&name("a")).unwrap();
    collector.collect().unwrap();
    std::io::copy(&mut layer.blob.open().unwrap(), &mut std::io::sink()).unwrap();
}

#[test]
fn what_dead_programs_left_goes() {
    let world = World::new();
    drop(world.open());
    let dead = world.dir.path().join("store/sessions/77-0");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("0.part"), "half").unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    fs::write(world.dir.path().join("store/names/.new-x"), "half").unwrap();
    fs::write(world.dir.path().join("store/.new-y"), "half").unwrap();
    let store = world.open();
    store.collect().unwrap();
    assert!(!dead.exists());
    assert!(!world.dir.path().join("store/.new-y").exists());
    assert_eq!(
        (world.files("names").len(), world.files("sessions").len()),
        (0, 1)
    );
    drop(store);
    assert_eq!(world.files("sessions").len(), 0);
}

#[test]
fn a_broken_blob_is_told_removed_and_written_again() {
    let world = World::new();
    let store = world.open();
    let image = image(&store, 1);
    store.publish(&image, &[name("a")]).unwrap();
    let layer = &image.layers()[1];
    let digest = layer.blob.descriptor.digest;
    let good = fs::read(world.blob(digest)).unwrap();
    for broken in [vec![0; good.len()], good[..10].to_vec(), vec![]] {
        fs::write(world.blob(digest), broken).unwrap();
        let error =
            std::io::copy(&mut layer.blob.open().unwrap(), &mut std::io::sink()).unwrap_err();
        assert_eq!(
            crate::Error::io("reading", error).kind(),
            ErrorKind::Integrity
        );
        assert!(
            !store.contains(digest).unwrap(),
            "a broken blob is still there"
        );
        store.write(&layer.blob.descriptor, &mut &*good).unwrap();
        std::io::copy(&mut layer.blob.open().unwrap(), &mut std::io::sink()).unwrap();
    }
    fs::write(world.blob(digest), "broken").unwrap();
    assert_eq!(store.check().unwrap().blobs, [digest]);
    assert!(store.check().unwrap().is_none());
}

#[test]
fn a_name_without_sense_or_manifest_counts_as_absent() {
    let world = World::new();
    let store = world.open();
    let digest = store.publish(&image(&store, 1), &[name("a")]).unwrap();
    let record = world.files("names").pop().unwrap();
    let good = fs::read(&record).unwrap();
    for broken in [&b""[..], b"{", b"null", &good[..good.len() / 2]] {
        fs::write(&record, broken).unwrap();
        assert!(store.find(&name("a")).unwrap().is_none());
        assert_eq!(store.list().unwrap(), []);
    }
    fs::write(&record, good).unwrap();
    fs::remove_file(world.blob(digest)).unwrap();
    assert!(store.find(&name("a")).unwrap().is_none());
}

#[test]
fn a_record_that_says_another_name_or_no_image_is_no_name() {
    let world = World::new();
    let store = world.open();
    store.publish(&image(&store, 1), &[name("a:one")]).unwrap();
    let record = world.files("names").pop().unwrap();
    let good = fs::read_to_string(&record).unwrap();
    for (from, to) in [("a:one", "a:two"), ("manifest", "manifesT")] {
        fs::write(&record, good.replace(from, to)).unwrap();
        assert_eq!(store.list().unwrap(), []);
        assert!(store.find(&name("a:one")).unwrap().is_none());
    }
    // Half written, beside the whole one.
    fs::write(&record, &good).unwrap();
    fs::write(record.with_file_name(".new-x"), &good).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
}

#[test]
fn long_names_have_their_own_files() {
    let world = World::new();
    let store = world.open();
    let long = |last: &str| {
        name(&format!(
            "r.example/{}/{last}:{}",
            "a".repeat(200),
            "t".repeat(128)
        ))
    };
    let (one, two) = (image(&store, 1), image(&store, 2));
    store.publish(&one, &[long("one")]).unwrap();
    store.publish(&two, &[long("two")]).unwrap();
    assert_eq!(
        store.find(&long("one")).unwrap().unwrap().digest(),
        one.digest()
    );
    assert_eq!(
        store.find(&long("two")).unwrap().unwrap().digest(),
        two.digest()
    );
}

#[test]
fn a_newer_store_is_left_alone() {
    let world = World::new();
    drop(world.open());
    let format = world.dir.path().join("store/format");
    fs::write(&format, "slipway store 3\n").unwrap();
    let error = Local::open(&world.dir.path().join("store")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("format 3"), "{error}");
    // One that says nothing is not somebody's.
    fs::write(&format, "slipwaY store 2\n").unwrap();
    world.open();
    assert_eq!(fs::read_to_string(&format).unwrap(), "slipway store 2\n");
}

#[test]
fn an_index_under_a_name_gives_the_image_for_this_machine() {
    let world = World::new();
    let store = world.open();
    let mut index = crate::Index::empty();
    for (seed, platform) in [(1, Platform::new("linux", "other")), (2, Platform::host())] {
        let manifest = image(&store, seed).write_to(&*store).unwrap();
        index.push(index::Entry::new(manifest, Some(platform)));
    }
    let descriptor = index.write_to(&*store).unwrap();
    store.tag(&descriptor, &[name("many")]).unwrap();
    drop(store);
    let store = world.open();
    assert_eq!(store.collect().unwrap(), Collected::default());
    assert_eq!(
        store
            .find(&name("many"))
            .unwrap()
            .unwrap()
            .config()
            .label("seed"),
        Some("2")
    );
}

/// Threads with stores of their own behave as processes do: locks are between open files.
#[test]
fn builds_and_collections_at_once_lose_nothing() {
    let world = World::new();
    drop(world.open());
    let world = &world;
    std::thread::scope(|scope| {
        for builder in 0..4 {
            scope.spawn(move || {
                for round in 0..6 {
                    let store = world.open();
                    let image = image(&store, builder * 100 + round);
                    let own = name(&format!("app-{builder}"));
                    store
                        .publish(&image, &[own.clone(), name("shared")])
                        .unwrap();
                    let found = store.find(&own).unwrap().unwrap();
                    assert_eq!(found.digest(), image.digest());
                    for layer in found.layers() {
                        std::io::copy(&mut layer.blob.open().unwrap(), &mut std::io::sink())
                            .unwrap();
                    }
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..20 {
                world.open().collect().unwrap();
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
    });
    let store = world.open();
    store.collect().unwrap();
    for named in store.list().unwrap() {
        let image = store.find(&named.name).unwrap().unwrap();
        for layer in image.layers() {
            std::io::copy(&mut layer.blob.open().unwrap(), &mut std::io::sink()).unwrap();
        }
    }
    assert_eq!(store.list().unwrap().len(), 5);
    assert!(store.check().unwrap().is_none());
}

/// Root may write anyway; then this says that nothing is lost by trying.
#[test]
fn a_store_we_may_not_write_to_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let store = world.open();
    let digest = store.publish(&image(&store, 1), &[name("a")]).unwrap();
    drop(store);
    let root = world.dir.path().join("store");
    let folders =
        ["", "blobs", "blobs/sha256", "names", "sessions"].map(|folder| root.join(folder));
    let files = [root.join("lock"), root.join("format")];
    let set = |folder: u32, file: u32| {
        for (paths, mode) in [(&folders[..], folder), (&files[..], file)] {
            for path in paths {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    };
    set(0o555, 0o444);
    let store = world.open();
    let found = store.find(&name("a")).unwrap().unwrap();
    assert_eq!(found.digest(), digest);
    std::io::copy(
        &mut found.layers()[0].blob.open().unwrap(),
        &mut std::io::sink(),
    )
    .unwrap();
    if fs::write(root.join("probe"), "").is_err() {
        assert_eq!(store.begin().err().unwrap().kind(), ErrorKind::Denied);
        assert_eq!(
            store.publish(&found, &[name("b")]).unwrap_err().kind(),
            ErrorKind::Denied
        );
    }
    drop(store);
    set(0o755, 0o644);
}
