//! Readers of gzip that know nothing of chunks read a blob whole, and a reader in Python that knows the format agrees with it.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chunks::{Recipe, inflate};

use crate::tar::sample;

#[test]
fn a_reader_of_one_member_reads_all() {
    let (tar, made) = sample();
    let mut read = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(&made.bytes[..]);
    decoder.read_to_end(&mut read).unwrap();
    assert!(read == tar);
    // What it leaves are the index and the footer.
    let index = made.recipe.tail()[10..].to_vec();
    assert!(decoder.into_inner() == index);
}

#[test]
fn a_reader_of_all_members_reads_all_and_nothing_more() {
    let (tar, made) = sample();
    let mut read = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(&made.bytes[..]);
    decoder.read_to_end(&mut read).unwrap();
    assert!(read == tar);
}

#[test]
fn every_chunk_can_be_read_alone_by_its_place_in_the_recipe() {
    let (tar, made) = sample();
    let recipe = Recipe::of_blob(&mut Cursor::new(&made.bytes))
        .unwrap()
        .unwrap();
    assert_eq!(recipe, made.recipe);
    let (mut raw, mut at) = (Vec::new(), 10);
    for piece in &recipe.pieces {
        let end = at + usize::try_from(piece.segment_bytes).unwrap();
        let chunk = inflate(&made.bytes[at..end], piece.raw_bytes).unwrap();
        assert_eq!(chunks::ChunkId::of(&chunk), piece.id);
        raw.extend(chunk);
        at = end;
    }
    assert!(raw == tar);
}

#[test]
fn gnu_gzip_reads_all_and_finds_the_blob_in_order() {
    let Some(gzip) = harness::program("gzip") else {
        return;
    };
    let (tar, made) = sample();
    assert!(piped(Command::new(&gzip).arg("-dc"), &made.bytes) == tar);
    assert!(piped(Command::new(&gzip).arg("-t"), &made.bytes).is_empty());
}

#[test]
fn gnu_tar_lists_every_file() {
    let Some(program) = harness::program("tar") else {
        return;
    };
    let (_, made) = sample();
    let listed = piped(Command::new(program).args(["-tzf", "-"]), &made.bytes);
    assert_eq!(String::from_utf8(listed).unwrap().lines().count(), 32);
}

/// Perl's reader stops after the first member of a file.
#[test]
fn perl_reads_all() {
    let Some(perl) = harness::program("perl") else {
        return;
    };
    let script = "use IO::Uncompress::Gunzip qw(gunzip); binmode STDIN; binmode STDOUT; gunzip('-' => '-') or die";
    let (tar, made) = sample();
    assert!(piped(Command::new(perl).args(["-e", script]), &made.bytes) == tar);
}

#[test]
fn the_reader_in_python_agrees_about_every_chunk_and_python_streams_the_tar() {
    let Some(python) = harness::program("python3") else {
        return;
    };
    let (_, made) = sample();
    let folder = tempfile::tempdir().unwrap();
    let blob = folder.path().join("blob");
    std::fs::write(&blob, &made.bytes).unwrap();
    let seen = harness::run(
        Command::new(&python)
            .arg("-B")
            .arg(script("read.py"))
            .arg(&blob),
    )
    .success();
    let mut expected: Vec<_> = made
        .recipe
        .pieces
        .iter()
        .map(|piece| format!("{} {} {}", piece.raw_bytes, piece.segment_bytes, piece.id))
        .collect();
    expected.push("32 files".to_owned());
    let lines: Vec<_> = seen.stdout.lines().collect();
    assert_eq!(lines, expected);

    for place in [10, made.bytes.len() / 2, made.bytes.len() - 1] {
        let mut damaged = made.bytes.clone();
        damaged[place] ^= 0x40;
        std::fs::write(&blob, &damaged).unwrap();
        let seen = harness::run(
            Command::new(&python)
                .arg("-B")
                .arg(script("read.py"))
                .arg(&blob),
        );
        assert_ne!(seen.code, Some(0), "byte {place}: {}", seen.stdout);
    }
}

#[test]
fn a_second_implementation_in_python_gives_the_vectors() {
    let Some(python) = harness::program("python3") else {
        return;
    };
    let seen = harness::run(Command::new(python).arg("-B").arg(script("check.py"))).success();
    assert!(
        seen.stdout.ends_with("all as recorded\n"),
        "{}",
        seen.stdout
    );
}

fn script(name: &str) -> PathBuf {
    let below = Path::new("tests/vectors/chunks").join(name);
    harness::repository().join(below)
}

/// What a program says about bytes that come through a pipe.
fn piped(command: &mut Command, bytes: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{:?}", output.status);
    output.stdout
}
