//! What the packs promise, on real folders.

mod crash;
mod damage;
mod many;
mod sharing;

use std::path::PathBuf;

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

struct World {
    temporary: tempfile::TempDir,
    dir: Arc<Dir>,
    packs: Packs,
}

const PART: &str = "part";

fn world() -> World {
    let temporary = tempfile::tempdir().unwrap();
    std::fs::create_dir(temporary.path().join("packs")).unwrap();
    World {
        dir: Arc::new(Dir::open(temporary.path()).unwrap()),
        packs: packs_at(temporary.path()),
        temporary,
    }
}

/// Another process, as far as the packs can tell.
fn packs_at(path: &Path) -> Packs {
    Packs::open(Arc::new(Dir::open(&path.join("packs")).unwrap()))
}

impl World {
    fn path(&self) -> &Path {
        self.temporary.path()
    }

    fn begin(&self) -> PackWriter {
        self.packs.begin(&self.dir, Path::new(PART)).unwrap()
    }

    fn seal(&self, chunks: &[Chunk]) -> crate::Sealed {
        let mut writer = self.begin();
        push_all(chunks, &mut writer);
        writer.seal().unwrap()
    }

    fn keep(&self, chunks: &[Chunk]) -> PackId {
        let sealed = self.seal(chunks);
        let id = sealed.id();
        sealed.keep().unwrap();
        id
    }

    fn on_disk(&self, path: &Path) -> PathBuf {
        self.path().join("packs").join(path)
    }

    /// Puts other bytes where a file of a pack is, as a new file: one that is mapped stays what it is.
    fn replace(&self, path: &Path, bytes: &[u8]) {
        let beside = self.path().join("beside");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(beside, self.on_disk(path)).unwrap();
    }

    fn bytes_of(&self, path: &Path) -> Vec<u8> {
        std::fs::read(self.on_disk(path)).unwrap()
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Chunk {
    raw: Vec<u8>,
    segment: Vec<u8>,
}

impl Chunk {
    fn of(raw: &[u8]) -> Chunk {
        let mut segment = Vec::with_capacity(raw.len() + 100);
        Compress::new(Compression::new(6), false)
            .compress_vec(raw, &mut segment, FlushCompress::Full)
            .unwrap();
        Chunk {
            raw: raw.to_vec(),
            segment,
        }
    }

    fn numbered(number: u32) -> Chunk {
        Chunk::of(format!("chunk number {number}").as_bytes())
    }

    fn id(&self) -> ChunkId {
        ChunkId::of(&self.raw)
    }

    fn push(&self, writer: &mut PackWriter) {
        let raw_bytes = u32::try_from(self.raw.len()).unwrap();
        writer.push(self.id(), raw_bytes, &self.segment).unwrap();
    }
}

fn push_all(chunks: &[Chunk], writer: &mut PackWriter) {
    for chunk in chunks {
        chunk.push(writer);
    }
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<Chunk> {
    numbers.map(Chunk::numbered).collect()
}

/// The first sound copy of a chunk; a copy that is read is never anything but the segment.
fn read(packs: &Packs, chunk: &Chunk) -> bool {
    let copies = packs.find(chunk.id()).unwrap();
    copies.iter().any(|found| {
        let segment = packs.read(found).unwrap();
        assert!(
            segment
                .as_ref()
                .is_none_or(|segment| *segment == chunk.segment),
            "wrong bytes of {found:?}"
        );
        segment.is_some()
    })
}

/// All files below a folder, sorted, by their paths in it.
fn files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let found = entry.unwrap().path();
        if found.is_dir() {
            let name = found.file_name().unwrap().to_owned();
            let below = files_below(&found).into_iter();
            files.extend(below.map(|file| Path::new(&name).join(file)));
        } else {
            files.push(found.file_name().unwrap().into());
        }
    }
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_kept_is_found_and_read_back(
        packs in proptest::collection::vec(
            proptest::collection::vec((0..40u32, 0..30_000usize), 0..12), 1..5)
    ) {
        let world = world();
        let mut kept = Vec::new();
        for chunks in packs {
            let chunks: Vec<_> = chunks
                .into_iter()
                .map(|(number, length)| Chunk::of(&number.to_le_bytes().repeat(length / 4)))
                .collect();
            kept.push((world.keep(&chunks), chunks));
        }
        let fresh = packs_at(world.path());
        for packs in [&world.packs, &fresh] {
            for (id, chunks) in &kept {
                for chunk in chunks {
                    let copies = packs.find(chunk.id()).unwrap();
                    let mine = copies.iter().find(|found| found.pack == *id).unwrap();
                    prop_assert_eq!(packs.read(mine).unwrap(), Some(chunk.segment.clone()));
                    prop_assert_eq!(usize::try_from(mine.raw_bytes).unwrap(), chunk.raw.len());
                }
                prop_assert_eq!(packs.verify(*id, true).unwrap(), vec![]);
                let listed = packs.ids(*id).unwrap();
                prop_assert!(listed.is_sorted_by_key(|found| found.offset));
                let mut ids: Vec<_> = chunks.iter().map(Chunk::id).collect();
                ids.sort();
                ids.dedup();
                prop_assert_eq!(listed.len(), ids.len());
            }
            let mut expected: Vec<_> = kept.iter().map(|(id, _)| *id).collect();
            expected.sort();
            expected.dedup();
            let all: Vec<_> = packs.all().unwrap().iter().map(|info| info.id).collect();
            prop_assert_eq!(all, expected);
            prop_assert_eq!(packs.strays().unwrap(), vec![]);
        }
    }
}

#[test]
fn a_pack_is_known_by_its_count_and_its_bytes_on_disk() {
    let world = world();
    let id = world.keep(&numbered(0..7));
    let names = Names::of(id);
    let bytes = world.bytes_of(&names.pack).len() + world.bytes_of(&names.idx).len();
    assert_eq!(
        world.packs.all().unwrap(),
        [PackInfo {
            id,
            chunks: 7,
            bytes: to_u64(bytes)
        }]
    );
}

#[test]
fn the_same_id_is_written_once() {
    let world = world();
    let chunk = Chunk::numbered(1);
    let mut writer = world.begin();
    assert!(writer.is_empty());
    chunk.push(&mut writer);
    let bytes = writer.bytes();
    chunk.push(&mut writer);
    assert_eq!(writer.bytes(), bytes);
    assert!(!writer.is_empty());
    let sealed = writer.seal().unwrap();
    assert_eq!(sealed.id(), world.seal_elsewhere(&[chunk]).id());
}

impl World {
    fn seal_elsewhere(&self, chunks: &[Chunk]) -> crate::Sealed {
        let mut writer = self.packs.begin(&self.dir, Path::new("other")).unwrap();
        push_all(chunks, &mut writer);
        writer.seal().unwrap()
    }
}

#[test]
fn what_is_not_kept_leaves_nothing() {
    let world = world();
    let mut writer = world.begin();
    Chunk::numbered(1).push(&mut writer);
    drop(writer);
    drop(world.seal(&numbered(0..3)));
    assert_eq!(files_below(world.path()), Vec::<PathBuf>::new());
    assert!(!read(&world.packs, &Chunk::numbered(1)));
}

#[test]
fn what_no_chunk_can_be_is_refused_and_the_pack_goes_on() {
    let world = world();
    let mut writer = world.begin();
    let id = ChunkId::of(b"");
    let too_large = u32::try_from(crate::limits::CHUNK_BYTES + 1).unwrap();
    for (raw_bytes, segment) in [(too_large, vec![0]), (1, vec![0; SEGMENT_BYTES + 1])] {
        let refused = writer.push(id, raw_bytes, &segment).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
    }
    Chunk::numbered(1).push(&mut writer);
    writer.seal().unwrap().keep().unwrap();
    assert!(read(&world.packs, &Chunk::numbered(1)));
}

#[test]
fn a_place_that_is_taken_is_not_written_to() {
    let world = world();
    std::fs::write(world.path().join(PART), "mine").unwrap();
    world.packs.begin(&world.dir, Path::new(PART)).unwrap_err();
    std::fs::rename(world.path().join(PART), world.path().join("part.idx")).unwrap();
    world.begin().seal().unwrap_err();
    assert_eq!(files_below(world.path()), [Path::new("part.idx")]);
}

#[test]
fn what_is_found_can_come_from_anywhere() {
    let world = world();
    let chunk = Chunk::numbered(1);
    let pack = world.keep(std::slice::from_ref(&chunk));
    let [found] = world.packs.find(chunk.id()).unwrap()[..] else {
        panic!("one copy");
    };
    assert_eq!(found.pack, pack);
    let other = Chunk::numbered(2).id();
    for wrong in [
        Found { offset: 0, ..found },
        Found {
            offset: u64::MAX,
            ..found
        },
        Found {
            offset: found.offset + 1,
            ..found
        },
        Found {
            segment_bytes: u32::MAX,
            ..found
        },
        Found {
            segment_bytes: found.segment_bytes - 1,
            ..found
        },
        Found {
            crc32: !found.crc32,
            ..found
        },
        Found {
            raw_bytes: found.raw_bytes + 1,
            ..found
        },
        Found {
            raw_bytes: u32::MAX,
            ..found
        },
        Found { id: other, ..found },
        Found {
            pack: PackId::from_hex(&"0".repeat(64)).unwrap(),
            ..found
        },
    ] {
        assert_eq!(world.packs.read(&wrong).unwrap(), None, "{wrong:?}");
    }
}

#[test]
fn a_folder_with_other_things_in_it_is_no_obstacle() {
    let world = world();
    let chunks = numbered(0..3);
    let id = world.keep(&chunks);
    let folder = Names::of(id).folder;
    let wrong_folder = if folder == Path::new("00") {
        "01"
    } else {
        "00"
    };
    for name in [
        "ff/notes.txt",
        "zz/x",
        "README",
        "ff/.pack",
        &format!("{wrong_folder}/{id}.idx"),
    ] {
        let path = world.on_disk(Path::new(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    std::os::unix::fs::symlink("/", world.on_disk(Path::new("aa"))).ok();
    let fresh = packs_at(world.path());
    assert!(chunks.iter().all(|chunk| read(&fresh, chunk)));
    assert_eq!(fresh.all().unwrap().len(), 1);
    assert_eq!(fresh.strays().unwrap(), []);
}
