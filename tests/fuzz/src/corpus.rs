//! Real samples: layers that we pack, tars that GNU tar writes, and what a store makes of them.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use chunks::{ChunkId, Deflater, Packs, Recipe};
use crashrec::images;
use files::Dir;
use oci::tarball::{self, Content, Entry, Node};
use oci::testing::noise;
use oci::{Images as _, Layer, Local, Store};

use crate::Result;

/// Layers of ours as gzip, small enough to be changed thousands of times in a second.
pub(crate) fn blobs() -> Result<Vec<Vec<u8>>> {
    let store: Arc<dyn Store> = oci::Memory::new();
    let mut blobs = Vec::new();
    for entries in [vec![], every_kind(), large()] {
        let entries = entries.into_iter().map(Ok);
        blobs.push(read(&tarball::pack(&mut { entries }, &store)?)?);
    }
    // And one as everybody writes it: without segments.
    let mut gzip = Vec::new();
    for tar in tars()?.into_iter().take(2) {
        gzip.extend(gzipped(&tar)?);
    }
    blobs.push(gzip);
    Ok(blobs)
}

fn gzipped(tar: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // Smaller than the pipe can hold or not, gzip reads it all before we read.
    let (mut into, tar) = (child.stdin.take().ok_or("no pipe")?, tar.to_owned());
    let writer = std::thread::spawn(move || into.write_all(&tar));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "a thread panicked")??;
    Ok(output.stdout)
}

fn read(layer: &Layer) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    layer.blob.open()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Uncompressed: ours, and those of GNU tar in every format it knows.
pub(crate) fn tars() -> Result<Vec<Vec<u8>>> {
    let store: Arc<dyn Store> = oci::Memory::new();
    let layer = tarball::pack(&mut every_kind().into_iter().map(Ok), &store)?;
    let descriptor = &layer.blob.descriptor;
    let mut ours = Vec::new();
    oci::decompress(&descriptor.media_type, layer.blob.open()?, 1 << 30)?.read_to_end(&mut ours)?;
    let mut tars = vec![ours];
    let folder = tempfile::tempdir()?;
    let tree = folder.path().join("tree");
    write_tree(&tree)?;
    for options in [
        ["--format=v7", "--exclude=long*"],
        ["--format=oldgnu", "--sparse"],
        ["--format=gnu", "--sparse"],
        ["--format=ustar", "--exclude=long*"],
        ["--format=posix", "--exclude=none"],
        ["--sparse", "--sparse-version=0.0"],
        ["--sparse", "--sparse-version=0.1"],
        ["--sparse", "--sparse-version=1.0"],
    ] {
        let output = Command::new("tar")
            .arg("-c")
            .args(options)
            .arg("-C")
            .arg(&tree)
            .arg(".")
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("tar {options:?}: {text}").into());
        }
        tars.push(output.stdout);
    }
    Ok(tars)
}

fn write_tree(tree: &Path) -> Result<()> {
    std::fs::create_dir_all(tree.join("folder"))?;
    std::fs::write(tree.join("folder/file"), noise(1, 3_000))?;
    std::fs::write(tree.join("empty"), "")?;
    std::fs::hard_link(tree.join("folder/file"), tree.join("same"))?;
    std::os::unix::fs::symlink("folder/file", tree.join("link"))?;
    std::fs::write(tree.join("longer".repeat(30)), "a long name")?;
    std::os::unix::fs::symlink("target/".repeat(40), tree.join("long-target"))?;
    let holes = std::fs::File::create(tree.join("holes"))?;
    for part in 0..6_u64 {
        let at = part * 100_000;
        std::os::unix::fs::FileExt::write_all_at(&holes, b"data", at)?;
    }
    Ok(holes.set_len(700_000)?)
}

fn entry(path: &str, node: Node) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        node,
        mode: 0o644,
        uid: 1,
        gid: 2,
        mtime: tarball::NORMALIZED_MTIME,
    }
}

fn file(path: &str, bytes: Vec<u8>) -> Entry {
    entry(path, Node::File(Content::Bytes(bytes.into())))
}

fn every_kind() -> Vec<Entry> {
    let long = format!("/srv/{}", "long/".repeat(40));
    vec![
        entry("/srv", Node::Dir),
        file("/srv/file", noise(3, 2_000)),
        file("/srv/empty", Vec::new()),
        file(&format!("{long}name"), b"deep".to_vec()),
        entry("/srv/link", Node::Symlink(b"file".to_vec())),
        entry("/srv/same", Node::Hardlink(b"/srv/file".to_vec())),
        entry("/srv/pipe", Node::Fifo),
        entry("/srv/device", Node::Char(1, 3)),
    ]
}

/// Of several chunks, compressible and not.
fn large() -> Vec<Entry> {
    vec![
        file("/srv/one", "some words ".repeat(9_000).into_bytes()),
        file("/srv/two", noise(5, 90_000)),
        file("/srv/zero", vec![0; 200_000]),
    ]
}

/// The tails of blobs of ours, and one with many chunks.
pub(crate) fn tails() -> Result<Vec<Vec<u8>>> {
    let mut tails = Vec::new();
    for blob in blobs()? {
        let recipe = Recipe::of_blob(&mut Cursor::new(&blob))?;
        tails.extend(recipe.map(|recipe| recipe.tail()));
    }
    let small = Recipe::from_tail(tails.last().ok_or("no tails")?)?;
    let many: Vec<_> = small.pieces.iter().cycle().take(2_000).copied().collect();
    let many = Recipe {
        pieces: many,
        crc32: small.crc32,
    };
    tails.push(many.tail());
    Ok(tails)
}

/// Idx and pack: some small ones, and one of a real store.
pub(crate) fn packs() -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let dir = tempfile::tempdir()?;
    let mut packs = Vec::new();
    for count in [1, 2, 5, 9] {
        packs.extend(small_packs(&dir.path().join(count.to_string()), count)?);
    }
    let store: Arc<dyn Store> = Local::open(&dir.path().join("store"))?;
    tarball::pack(&mut large().into_iter().map(Ok), &store)?;
    packs.extend(packs_below(&dir.path().join("store/packs"))?);
    Ok(packs)
}

/// Of so many chunks of a few hundred bytes.
fn small_packs(at: &Path, count: u64) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    std::fs::create_dir(at)?;
    let dir = Arc::new(Dir::open(at)?);
    let mut writer = Packs::open(dir.clone()).begin(&dir, Path::new("new.part"))?;
    let mut deflater = Deflater::new()?;
    for number in 0..count {
        let raw = [noise(number, 200), vec![b'x'; 300]].concat();
        let segment = deflater.segment(&raw);
        writer.push(ChunkId::of(&raw), 500, &segment.bytes)?;
    }
    writer.seal()?.keep()?;
    packs_below(at)
}

fn packs_below(folder: &Path) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut packs = Vec::new();
    for path in files_below(folder)? {
        if path.extension().is_some_and(|extension| extension == "idx") {
            let idx = std::fs::read(&path)?;
            packs.push((idx, std::fs::read(path.with_extension("pack"))?));
        }
    }
    Ok(packs)
}

/// The records of names in a real store, each with the name of its file.
pub(crate) fn names() -> Result<Vec<(String, Vec<u8>)>> {
    let dir = tempfile::tempdir()?;
    let store = Local::open(dir.path())?;
    let as_store: Arc<dyn Store> = store.clone();
    let image = images::image(1, &as_store)?;
    store.publish(&image, &[images::reference(0, 0)])?;
    let mut names = Vec::new();
    for path in files_below(&dir.path().join("names"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        names.push((name.into_owned(), std::fs::read(&path)?));
    }
    Ok(names)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}
