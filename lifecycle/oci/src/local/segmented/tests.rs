use std::fs;
use std::io::{Read, sink};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{
    Digest, ErrorKind, Image, Images, Layer, Local, Owners, Platform, Reference, Stamp, Store,
    testing,
};

const STAMP: Stamp = Stamp {
    mtime: 315_532_801,
    owners: Owners::Written { uid: 1, gid: 2 },
};

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn open(&self) -> Arc<Local> {
        Local::open(&self.at("store")).unwrap()
    }

    /// A folder of files of noise, which does not compress.
    fn tree(&self, files: &[(&str, u64, usize)]) -> PathBuf {
        let tree = self.at("tree");
        let _ = fs::remove_dir_all(&tree);
        fs::create_dir(&tree).unwrap();
        for (name, seed, bytes) in files {
            fs::write(tree.join(name), testing::noise(*seed, *bytes)).unwrap();
        }
        tree
    }

    fn packs(&self) -> Vec<PathBuf> {
        let mut packs = Vec::new();
        for folder in fs::read_dir(self.at("store/packs")).unwrap() {
            // A file beside them tells other processes that a pack came.
            let files = fs::read_dir(folder.unwrap().path()).into_iter().flatten();
            packs.extend(files.map(|file| file.unwrap().path()));
        }
        packs.retain(|path| path.extension().is_some_and(|kind| kind == "pack"));
        packs.sort();
        packs
    }

    fn packed_bytes(&self) -> u64 {
        let sizes = self.packs().into_iter();
        sizes.map(|path| fs::metadata(path).unwrap().len()).sum()
    }
}

fn pack(store: &Arc<Local>, tree: &Path) -> Layer {
    let store: Arc<dyn Store> = store.clone();
    Layer::pack(tree, Path::new("/l"), &STAMP, &store).unwrap()
}

fn read(layer: &Layer) -> std::io::Result<u64> {
    std::io::copy(&mut layer.blob.open().unwrap(), &mut sink())
}

fn publish(store: &Arc<Local>, layer: &Layer, name: &str) -> Digest {
    let history = crate::History::new("1980-01-01T00:00:01Z", "test");
    let image = Image::empty(&Platform::host()).append(layer.clone(), &history);
    store
        .publish(&image, &[Reference::parse(name).unwrap()])
        .unwrap()
}

#[test]
fn versions_of_a_layer_share_their_chunks_and_are_read_back_bit_by_bit() {
    let world = World::new();
    let store = world.open();
    let first = pack(&store, &world.tree(&[("a", 1, 3 << 20), ("b", 2, 1 << 20)]));
    let before = world.packed_bytes();
    assert!(before > 4 << 20, "{before}");
    let second = pack(&store, &world.tree(&[("a", 1, 3 << 20), ("b", 3, 1 << 20)]));
    let added = world.packed_bytes() - before;
    assert!((1 << 20..(1 << 20) + 100_000).contains(&added), "{added}");
    for layer in [first, second] {
        assert_eq!(read(&layer).unwrap(), layer.blob.descriptor.size);
    }
}

#[test]
fn the_same_layer_again_adds_nothing_even_from_another_process() {
    let world = World::new();
    let tree = world.tree(&[("a", 1, 2 << 20)]);
    let layer = pack(&world.open(), &tree);
    let before = world.packs();
    assert_eq!(pack(&world.open(), &tree), layer);
    assert_eq!(world.packs(), before);
}

#[test]
fn small_layers_and_those_of_others_are_kept_whole() {
    let world = World::new();
    let store = world.open();
    let small = pack(&store, &world.tree(&[("a", 1, 40_000)]));
    let mut foreign = Vec::new();
    small
        .blob
        .open()
        .unwrap()
        .read_to_end(&mut foreign)
        .unwrap();
    let foreign = [foreign, testing::noise(9, 300_000)].concat();
    let blob = crate::Descriptor::of(crate::MediaType::OciLayerGzip, &foreign);
    store.write(&blob, &mut &*foreign).unwrap();
    assert!(world.packs().is_empty());
    assert_eq!(fs::read_dir(world.at("store/recipes")).unwrap().count(), 0);
    assert_eq!(
        fs::read_dir(world.at("store/blobs/sha256"))
            .unwrap()
            .count(),
        2
    );
    read(&small).unwrap();
}

#[test]
fn a_flipped_bit_in_a_pack_is_told_and_healed_by_whoever_has_the_right_bytes() {
    let world = World::new();
    let tree = world.tree(&[("a", 1, 2 << 20)]);
    let layer = pack(&world.open(), &tree);
    for tenth in [1, 5, 9] {
        let store = world.open();
        for path in world.packs() {
            flip(&path, layer.blob.descriptor.size * tenth / 10);
        }
        let blob = crate::Blob::new(layer.blob.descriptor.clone(), store.clone() as _);
        let broken = Layer {
            blob,
            ..layer.clone()
        };
        let error = crate::Error::io("reading", read(&broken).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
        assert!(!store.contains(layer.blob.descriptor.digest).unwrap());
        // In another process, for which nothing is known to be sound.
        let store = world.open();
        assert_eq!(pack(&store, &tree), layer);
        assert!(store.contains(layer.blob.descriptor.digest).unwrap());
        read(&broken).unwrap();
    }
}

fn flip(path: &Path, at: u64) {
    // Packs are read-only.
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    if at >= file.metadata().unwrap().len() {
        return;
    }
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

#[test]
fn a_lost_pack_or_recipe_makes_the_layer_absent_until_it_is_written_again() {
    let world = World::new();
    let tree = world.tree(&[("a", 1, 1 << 20)]);
    let layer = pack(&world.open(), &tree);
    let digest = layer.blob.descriptor.digest;
    let lose = |what: &str| {
        if what == "pack" {
            let pack = world.packs().pop().unwrap();
            fs::remove_file(pack.with_extension("idx")).unwrap();
            fs::remove_file(pack).unwrap();
        } else {
            let recipe = world.at("store/recipes").join(digest.hex());
            fs::write(recipe, "half").unwrap();
        }
    };
    for what in ["pack", "recipe"] {
        lose(what);
        let store = world.open();
        assert!(!store.contains(digest).unwrap(), "{what}");
        assert_eq!(pack(&store, &tree), layer);
        assert!(store.contains(digest).unwrap(), "{what}");
    }
}

#[test]
fn a_collection_drops_the_chunks_that_no_named_layer_needs() {
    let world = World::new();
    {
        let store = world.open();
        let shared = ("a", 1, 1 << 20);
        let one = pack(&store, &world.tree(&[shared, ("b", 2, 3 << 20)]));
        publish(&store, &one, "one");
        let two = pack(&store, &world.tree(&[shared, ("c", 3, 1 << 20)]));
        publish(&store, &two, "two");
        store.remove(&Reference::parse("one").unwrap()).unwrap();
    }
    let store = world.open();
    let before = world.packed_bytes();
    store.collect().unwrap();
    let after = world.packed_bytes();
    assert!(before - after >= 3 << 20, "{before} {after}");
    assert!(after >= 2 << 20, "{after}");
    let two = store
        .find(&Reference::parse("two").unwrap())
        .unwrap()
        .unwrap();
    read(&two.layers()[0]).unwrap();
    assert!(store.check().unwrap().is_none());
}

#[test]
fn a_collection_spares_the_chunks_that_a_running_build_was_given() {
    let world = World::new();
    let tree = world.tree(&[("a", 1, 2 << 20)]);
    publish(&world.open(), &pack(&world.open(), &tree), "old");
    let build = world.open();
    let id = chunks::ChunkId::of(&testing::noise(1, 2 << 20)[..]);
    // Whole files are no chunks; the first chunk of the layer is what the recipe says.
    assert!(build.chunk(id).unwrap().is_none());
    let layer = pack(&build, &tree);
    let collector = world.open();
    collector.remove(&Reference::parse("old").unwrap()).unwrap();
    collector.collect().unwrap();
    read(&layer).unwrap();
    publish(&build, &layer, "new");
    drop((layer, build));
    collector.collect().unwrap();
    let new = collector
        .find(&Reference::parse("new").unwrap())
        .unwrap()
        .unwrap();
    read(&new.layers()[0]).unwrap();
}

#[test]
fn many_small_packs_become_one() {
    let world = World::new();
    for seed in 0..10 {
        let store = world.open();
        let layer = pack(&store, &world.tree(&[("a", seed + 1, 200_000)]));
        publish(&store, &layer, &format!("image-{seed}"));
    }
    assert_eq!(world.packs().len(), 10);
    let store = world.open();
    store.collect().unwrap();
    assert_eq!(world.packs().len(), 1);
    assert!(store.check().unwrap().is_none());
    for seed in 0..10 {
        let name = Reference::parse(&format!("image-{seed}")).unwrap();
        read(&store.find(&name).unwrap().unwrap().layers()[0]).unwrap();
    }
}

/// Threads with stores of their own behave as processes do.
#[test]
fn builds_that_share_chunks_and_collections_at_once_lose_nothing() {
    let world = World::new();
    let shared = testing::noise(7, 600_000);
    let world = &world;
    let shared = &shared;
    std::thread::scope(|scope| {
        for builder in 0..3u64 {
            scope.spawn(move || {
                for round in 0..5 {
                    let tree = world.at(&format!("tree-{builder}"));
                    let _ = fs::remove_dir_all(&tree);
                    fs::create_dir(&tree).unwrap();
                    fs::write(tree.join("shared"), shared).unwrap();
                    let own = testing::noise(builder * 10 + round + 100, 300_000);
                    fs::write(tree.join("own"), own).unwrap();
                    let store = world.open();
                    let layer = pack(&store, &tree);
                    publish(&store, &layer, &format!("app-{builder}"));
                    read(&layer).unwrap();
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..15 {
                world.open().collect().unwrap();
            }
        });
    });
    let store = world.open();
    store.collect().unwrap();
    assert!(store.check().unwrap().is_none());
    for builder in 0..3 {
        let name = Reference::parse(&format!("app-{builder}")).unwrap();
        read(&store.find(&name).unwrap().unwrap().layers()[0]).unwrap();
    }
}
