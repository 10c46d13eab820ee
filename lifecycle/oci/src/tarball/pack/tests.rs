//! Trees on a disk become layers and trees again.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::output::Output;
use super::*;
use crate::tarball::{
    Kind, Limits, NORMALIZED_MTIME, Owners, Stamp, Unpack, Whiteouts, directory, slices,
};
use crate::{Descriptor, Digest, MediaType, Memory, Sink, Source, decompress, tarball};

const OURS: Stamp = Stamp {
    mtime: NORMALIZED_MTIME,
    owners: Owners::Written {
        uid: 1001,
        gid: 1000,
    },
};

fn store() -> (Arc<Memory>, Arc<dyn Store>) {
    let memory = Memory::new();
    (Arc::clone(&memory), memory)
}

fn tar_of(layer: &Layer) -> Vec<u8> {
    let mut tar = Vec::new();
    let blob = layer.blob.open().unwrap();
    decompress(&layer.blob.descriptor.media_type, blob, u64::MAX)
        .unwrap()
        .read_to_end(&mut tar)
        .unwrap();
    assert_eq!(Digest::of(&tar), layer.diff_id);
    tar
}

/// `path kind mode uid:gid` of every entry.
fn entries(layer: &Layer) -> Vec<String> {
    let mut seen = Vec::new();
    let mut each = |header: &Header, _: &mut dyn Read| {
        let name = String::from_utf8_lossy(&header.name).into_owned();
        seen.push(format!(
            "{name} {:?} {:o} {}:{}",
            header.kind, header.mode, header.uid, header.gid
        ));
        assert_eq!(header.mtime.seconds, NORMALIZED_MTIME);
        Ok(())
    };
    tarball::read(&mut &tar_of(layer)[..], &Limits::default(), &mut each).unwrap();
    seen
}

#[test]
fn a_directory_lies_in_its_parents_and_both_have_the_owners_of_the_stamp() {
    let world = tempfile::tempdir().unwrap();
    let dir = world.path().join("bp/l");
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::set_permissions(world.path().join("bp"), fs::Permissions::from_mode(0o711)).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(dir.join("bin/x"), "x").unwrap();
    fs::set_permissions(dir.join("bin/x"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.join("bin"), fs::Permissions::from_mode(0o755)).unwrap();
    let me = fs::metadata(&dir).unwrap();

    let pack = |owners| {
        let stamp = Stamp { owners, ..OURS };
        entries(&Layer::pack(&dir, Path::new("/layers/bp/l"), &stamp, &store().1).unwrap())
    };
    let rest = [
        "/layers/bp/l Dir 750 7:8",
        "/layers/bp/l/bin Dir 755 7:8",
        "/layers/bp/l/bin/x File 755 7:8",
    ];
    let written = pack(Owners::Written { uid: 7, gid: 8 });
    assert_eq!(
        written[..2],
        ["/layers Dir 755 7:8", "/layers/bp Dir 755 7:8"]
    );
    assert_eq!(written[2..], rest);
    let from_disk = pack(Owners::FromDisk { uid: 7, gid: 8 });
    assert_eq!(
        from_disk[1],
        format!("/layers/bp Dir 711 {}:{}", me.uid(), me.gid())
    );
    assert_eq!(from_disk[2..], rest);
}

#[test]
fn what_is_no_directory_is_packed_as_what_it_is_and_links_are_not_followed() {
    let world = tempfile::tempdir().unwrap();
    fs::write(world.path().join("secret"), "canary").unwrap();
    symlink("secret", world.path().join("link")).unwrap();
    let packed = |name: &str| {
        Layer::pack(&world.path().join(name), Path::new("/l"), &OURS, &store().1).unwrap()
    };
    assert_eq!(entries(&packed("secret")), ["/l File 644 1001:1000"]);
    assert_eq!(entries(&packed("link")), ["/l Symlink 777 1001:1000"]);
    assert!(
        !tar_of(&packed("link"))
            .windows(6)
            .any(|bytes| bytes == b"canary")
    );
    let gone = Layer::pack(
        &world.path().join("gone"),
        Path::new("/l"),
        &OURS,
        &store().1,
    );
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn sockets_are_left_out_and_named_pipes_are_not_read() {
    let world = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(world.path().join("socket")).unwrap();
    let dir = files::Dir::open(world.path()).unwrap();
    dir.fifo(Path::new("pipe"), 0o600).unwrap();
    let packed = directory(world.path(), Path::new("/l"), &OURS, &store().1).unwrap();
    assert_eq!(packed.skipped, [b"/l/socket".to_vec()]);
    assert_eq!(entries(&packed.layer)[1], "/l/pipe Fifo 600 1001:1000");
    let sliced = slices(
        world.path(),
        Path::new("/l"),
        &[vec!["s*".into()]],
        &OURS,
        &store().1,
    )
    .unwrap();
    assert_eq!(sliced[0].skipped, [b"/l/socket".to_vec()]);
    assert!(sliced[1].skipped.is_empty());
}

#[test]
fn a_file_is_packed_as_it_is_when_it_is_opened_not_as_it_was_listed() {
    let world = tempfile::tempdir().unwrap();
    fs::write(world.path().join("f"), "as it is now").unwrap();
    let dir = Arc::new(Dir::open(world.path()).unwrap());
    let content = Content::Beneath {
        dir,
        path: "f".into(),
        size: 3,
    };
    let entry = Entry {
        path: b"/f".into(),
        node: Node::File(content),
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: NORMALIZED_MTIME,
    };
    let layer = pack(&mut [entry].into_iter().map(Ok), &store().1).unwrap();
    assert_eq!(tar_of(&layer)[512..524], *b"as it is now");
}

#[test]
fn a_file_that_keeps_changing_is_an_error_that_names_it_and_leaves_nothing() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("growing");
    // So large that reading it takes long enough for the other thread to append something.
    fs::File::create(&path).unwrap().set_len(128 << 20).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let (memory, store) = store();
    let stop = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                file.write_all(b"more").unwrap();
            }
        });
        let result = Layer::pack(world.path(), Path::new("/l"), &OURS, &store);
        stop.store(true, Ordering::Relaxed);
        result
    });
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(error.to_string().contains("growing"), "{error}");
    assert!(memory.blobs().is_empty());
}

#[test]
fn a_small_file_that_is_not_what_it_was_when_it_was_opened_is_noticed() {
    let world = tempfile::tempdir().unwrap();
    let path = world.path().join("f");
    fs::write(&path, "before").unwrap();
    let file = fs::File::open(&path).unwrap();
    let before = Stat::of(&file).unwrap();
    let mut writer = Writer::new(&store().1).unwrap();
    assert!(writer.read_whole(&file, &before).unwrap().is_some());
    for later in ["longer than before", "less", "sameas"] {
        fs::write(&path, later).unwrap();
        let file = fs::File::open(&path).unwrap();
        let before = Stat {
            mtime: before.mtime - 1,
            ..before
        };
        let read = writer.read_whole(&file, &before).unwrap();
        assert_eq!(read, None, "{later}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_that_names_it() {
    let world = tempfile::tempdir().unwrap();
    fs::write(world.path().join("closed"), "x").unwrap();
    fs::set_permissions(world.path().join("closed"), fs::Permissions::from_mode(0o0)).unwrap();
    match Layer::pack(world.path(), Path::new("/l"), &OURS, &store().1) {
        Ok(_) => assert_eq!(
            fs::metadata(world.path()).unwrap().uid(),
            0,
            "only root may read it"
        ),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(error.to_string().contains("closed"), "{error}");
        }
    }
}

/// Some megabytes that are neither noise nor all alike.
fn prose(bytes: usize) -> Vec<u8> {
    let words = (0u64..).flat_map(|n| {
        format!("{} ", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (n % 40)).into_bytes()
    });
    words.take(bytes).collect()
}

/// One entry with this content, without the end of the archive.
fn output(store: &Arc<dyn Store>, workers: usize, content: &[u8]) -> Layer {
    let mut out = Output::with_workers(store, workers).unwrap();
    out.entry(b"/prose").unwrap();
    out.payload(content.len() as u64).unwrap();
    for piece in content.chunks(70_001) {
        out.write(piece).unwrap();
    }
    out.finish().unwrap()
}

#[test]
fn the_layer_does_not_depend_on_the_number_of_threads() {
    let bytes = prose(3_000_000);
    let pack = |workers| {
        let layer = output(&store().1, workers, &bytes);
        assert_eq!(tar_of(&layer), bytes);
        layer
    };
    let one = pack(1);
    for workers in [2, 3, 8, 12] {
        assert_eq!(pack(workers), one);
    }
}

#[test]
fn the_first_gzip_member_of_a_blob_is_the_whole_tar_and_the_others_are_empty() {
    for bytes in [0, 1, 65_535, 65_536, 65_537, 1_500_000] {
        let layer = output(&store().1, 2, &prose(bytes));
        let mut blob = Vec::new();
        layer.blob.open().unwrap().read_to_end(&mut blob).unwrap();
        let mut rest = &blob[..];
        let mut raw = Vec::new();
        flate2::bufread::GzDecoder::new(&mut rest)
            .read_to_end(&mut raw)
            .unwrap();
        assert_eq!(raw.len(), bytes);
        raw.clear();
        flate2::bufread::MultiGzDecoder::new(rest)
            .read_to_end(&mut raw)
            .unwrap();
        assert_eq!(raw.len(), 0);
        let recipe = chunks::Recipe::of_blob(&mut io::Cursor::new(blob)).unwrap();
        assert_eq!(recipe.unwrap().raw_bytes(), bytes as u64);
    }
}

#[test]
fn blobs_are_the_same_on_every_machine() {
    let layer = output(&store().1, 2, &prose(1_000_000));
    // Changes only with the codec or the rules of cutting, both of which re-push every layer everywhere.
    assert_eq!(layer.blob.descriptor.digest.to_string(), GOLDEN);
}

const GOLDEN: &str = "sha256:6a8ade4f689c9171360127b7226e7e8b7d320edbdb896d3a7178bfc5ebb1bfb2";

/// Takes some bytes, then the disk is full.
struct FullDisk(usize);

impl Source for FullDisk {
    fn open(&self, _: &Descriptor) -> Result<Box<dyn Read + Send>> {
        Err(Error::new(ErrorKind::NotFound, "opening a blob"))
    }
}

impl Store for FullDisk {
    fn contains(&self, _: Digest) -> Result<bool> {
        Ok(false)
    }

    fn begin(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(FullDisk(self.0)))
    }
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for FullDisk {
    fn finish(self: Box<Self>, _: &Descriptor) -> Result<()> {
        Err(Error::new(ErrorKind::NoSpace, "syncing"))
    }

    fn finish_as(self: Box<Self>, _: MediaType) -> Result<Descriptor> {
        Err(Error::new(ErrorKind::NoSpace, "syncing"))
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_is_met() {
    let world = tempfile::tempdir().unwrap();
    fs::write(world.path().join("big"), prose(6_000_000)).unwrap();
    for room in [0, 5, 100_000, 1_000_000, usize::MAX] {
        let store: Arc<dyn Store> = Arc::new(FullDisk(room));
        let error = Layer::pack(world.path(), Path::new("/l"), &OURS, &store).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    }
}

#[test]
fn a_tree_of_any_depth_needs_few_open_files() {
    let world = tempfile::tempdir().unwrap();
    let mut dir = Dir::open(world.path()).unwrap();
    for _ in 0..1800 {
        dir = dir.create_dir(Path::new("d"), 0o755).unwrap();
    }
    drop(dir);
    let (_, store) = store();
    let layer = Layer::pack(world.path(), Path::new("/l"), &OURS, &store).unwrap();
    let target = tempfile::tempdir().unwrap();
    let into = Dir::open(target.path()).unwrap();
    let how = Unpack {
        whiteouts: Whiteouts::Refuse,
        owner: None,
        limits: Limits::default(),
    };
    let summary = tarball::unpack(&mut &tar_of(&layer)[..], &into, &how).unwrap();
    assert_eq!(summary.entries, 1801);
    files::remove_tree(world.path()).unwrap();
    files::remove_tree(target.path()).unwrap();
}

/// A tree as a list of files in it.
#[derive(Debug, Clone)]
enum Made {
    Dir(u32),
    File(u32, Vec<u8>),
    Link(Vec<u8>),
}

fn any_tree() -> impl Strategy<Value = Vec<(PathBuf, Made)>> {
    let name = || {
        let odd = proptest::collection::vec(
            any::<u8>().prop_filter("a name", |byte| !matches!(byte, 0 | b'/')),
            1..20,
        );
        let odd = odd.prop_filter("a name", |name| {
            name != b"." && name != b".." && !name.starts_with(b".wh.")
        });
        prop_oneof![4 => "[a-c]".prop_map(String::into_bytes), 1 => odd, 1 => "[a-z]{90,140}".prop_map(String::into_bytes)]
    };
    let path = proptest::collection::vec(name(), 1..5).prop_map(|names| {
        names
            .iter()
            .map(|name| std::ffi::OsStr::from_bytes(name))
            .collect::<PathBuf>()
    });
    let content = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..1500),
        (0..1_200_000usize).prop_map(|size| vec![b'x'; size])
    ];
    let made = prop_oneof![
        (0..0o1000u32).prop_map(|mode| Made::Dir(mode | 0o700)),
        (0..0o1000u32, content).prop_map(|(mode, content)| Made::File(mode | 0o400, content)),
        "[a-z./]{1,150}".prop_map(|target| Made::Link(target.into_bytes())),
    ];
    proptest::collection::vec((path, made), 0..12)
}

/// Makes what can be made: some paths go through files or are there already.
fn make(root: &Path, tree: &[(PathBuf, Made)]) {
    let dir = Dir::open(root).unwrap();
    for (path, made) in tree {
        let parent = path.parent().unwrap_or(Path::new(""));
        if dir.create_dir_all(parent, 0o755).is_err() {
            continue;
        }
        let _ = match made {
            Made::Dir(mode) => dir.create_dir(path, *mode).map(drop),
            Made::File(mode, content) => dir
                .create_file(path, *mode)
                .map(|mut file| file.write_all(content).unwrap()),
            Made::Link(target) => dir.symlink(Path::new(std::ffi::OsStr::from_bytes(target)), path),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn what_is_packed_and_unpacked_packs_to_the_same_layer(tree in any_tree()) {
        let world = tempfile::tempdir().unwrap();
        make(world.path(), &tree);
        let (_, store) = store();
        let layer = Layer::pack(world.path(), Path::new("/l"), &OURS, &store).unwrap();

        let target = tempfile::tempdir().unwrap();
        let into = Dir::open(target.path()).unwrap();
        let how = Unpack { whiteouts: Whiteouts::Overlay, owner: None, limits: Limits::default() };
        let summary = tarball::unpack(&mut &tar_of(&layer)[..], &into, &how).unwrap();
        let again = Layer::pack(&target.path().join("l"), Path::new("/l"), &OURS, &store).unwrap();
        prop_assert_eq!(&again, &layer);
        prop_assert_eq!(summary.recorded.len(), entries(&layer).len());

        // Slices hold the same files, once each but for directories.
        let patterns = [vec!["a*".to_owned()], vec!["*/b".to_owned(), "c".to_owned()]];
        let sliced = slices(world.path(), Path::new("/l"), &patterns, &OURS, &store).unwrap();
        let files = |layer: &Layer| {
            let mut entries = entries(layer);
            entries.retain(|entry| !entry.contains(&format!(" {:?} ", Kind::Dir)));
            entries
        };
        let mut all: Vec<String> = sliced.iter().flat_map(|packed| files(&packed.layer)).collect();
        let mut expected = files(&layer);
        all.sort();
        expected.sort();
        prop_assert_eq!(all, expected);
    }
}
