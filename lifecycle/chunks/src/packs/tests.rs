//! What the packs promise, on real folders.

use super::*;

struct World {
    _temporary: tempfile::TempDir,
    dir: Arc<Dir>,
    packs: Packs,
}

fn world() -> World {
    let temporary = tempfile::tempdir().unwrap();
    std::fs::create_dir(temporary.path().join("packs")).unwrap();
    let dir = Arc::new(Dir::open(temporary.path()).unwrap());
    let packs = packs_at(temporary.path());
    World {
        _temporary: temporary,
        dir,
        packs,
    }
}

fn packs_at(path: &Path) -> Packs {
    Packs::open(Arc::new(Dir::open(&path.join("packs")).unwrap()))
}

#[test]
fn what_is_kept_is_found_and_read_back() {
    let w = world();
    let mut wr = w.packs.begin(&w.dir, Path::new("part")).unwrap();
    let raw = b"hello";
    let seg = [&[0u8, 5, 0, !5, !0][..], raw].concat();
    wr.push(ChunkId::of(raw), 5, &seg).unwrap();
    let s = wr.seal().unwrap();
    let id = s.id();
    s.keep().unwrap();
    let f = w.packs.find(ChunkId::of(raw)).unwrap();
    assert_eq!(w.packs.read(&f[0]).unwrap().unwrap(), seg);
    assert_eq!(w.packs.verify(id, true).unwrap(), []);
}
