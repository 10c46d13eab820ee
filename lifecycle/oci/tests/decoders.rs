//! Layers of ours are ordinary gzip for every decoder there is: `docs/design/chunk-dedup.md` 3 and 12, goal D9.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};

use harness::program;
use oci::{Digest, Layer, Local, Owners, Stamp, Store, testing};

/// A layer of many segments as a file, made once.
struct Blob {
    _dir: tempfile::TempDir,
    path: PathBuf,
    diff_id: Digest,
    files: usize,
}

static BLOB: LazyLock<Blob> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    let files = 400;
    for number in 0..files {
        let folder = tree.join(format!("folder-{}", number % 20));
        fs::create_dir_all(&folder).unwrap();
        // Text and noise, small files and some that are cut by content.
        let bytes = match number % 10 {
            0 => testing::noise(number, 900_000),
            1 => format!("line {number}\n").repeat(40_000).into_bytes(),
            _ => format!("text {number} ").repeat(300).into_bytes(),
        };
        fs::write(folder.join(format!("file-{number}")), bytes).unwrap();
    }
    let store: Arc<dyn Store> = Local::open(&dir.path().join("store")).unwrap();
    let stamp = Stamp {
        mtime: 315_532_801,
        owners: Owners::Written { uid: 1, gid: 2 },
    };
    let layer = Layer::pack(&tree, Path::new("/app"), &stamp, &store).unwrap();
    let path = dir.path().join("layer.tar.gz");
    let mut bytes = Vec::new();
    layer.blob.open().unwrap().read_to_end(&mut bytes).unwrap();
    let recipe = chunks::Recipe::of_blob(&mut std::io::Cursor::new(&bytes)).unwrap();
    assert!(recipe.unwrap().pieces.len() > 50, "of many segments");
    fs::write(&path, bytes).unwrap();
    Blob {
        _dir: dir,
        path,
        diff_id: layer.diff_id,
        files: usize::try_from(files).unwrap(),
    }
});

/// Gives the blob to a decoder on standard input; what comes out must be the tar.
fn decodes(command: &mut Command) {
    let blob = fs::File::open(&BLOB.path).unwrap();
    let output = command.stdin(blob).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(Digest::of(&output.stdout), BLOB.diff_id, "{errors}");
}

/// As [`decodes`], for what counts the files in the tar itself.
fn counts(command: &mut Command) {
    let blob = fs::File::open(&BLOB.path).unwrap();
    let output = command.stdin(blob).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let files = text.lines().filter(|line| line.contains("file-")).count();
    assert_eq!(files, BLOB.files, "{errors}");
}

#[test]
fn gnu_gzip_and_tar() {
    if let (Some(gzip), Some(tar)) = (program("gzip"), program("tar")) {
        decodes(Command::new(gzip).arg("-dc"));
        counts(Command::new(tar).arg("-tzf").arg("-"));
    }
}

#[test]
fn python_as_a_stream_and_whole() {
    let Some(python) = program("python3") else {
        return;
    };
    let whole =
        "import gzip, sys; sys.stdout.buffer.write(gzip.GzipFile(fileobj=sys.stdin.buffer).read())";
    decodes(Command::new(&python).args(["-c", whole]));
    let stream = "import sys, tarfile\nfor entry in tarfile.open(fileobj=sys.stdin.buffer, mode='r|gz'): print(entry.name)";
    counts(Command::new(&python).args(["-c", stream]));
}

#[test]
fn perl_with_its_defaults() {
    if let Some(perl) = program("perl") {
        let script = "use IO::Uncompress::Gunzip qw(gunzip $GunzipError); binmode STDOUT; gunzip '-' => '-' or die $GunzipError";
        decodes(Command::new(perl).args(["-e", script]));
    }
}

/// From a stream that says that nothing is available, as sockets do: several gzip members would be cut short here.
#[test]
fn java_from_a_stream_that_is_never_ready() {
    let Some(java) = program("java") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("Decode.java");
    let text = "
        import java.io.*;
        import java.util.zip.GZIPInputStream;
        public class Decode {
            public static void main(String[] args) throws IOException {
                InputStream socket = new FilterInputStream(System.in) {
                    public int available() { return 0; }
                };
                try (OutputStream out = new BufferedOutputStream(System.out, 1 << 20)) {
                    new GZIPInputStream(socket).transferTo(out);
                }
            }
        }";
    fs::write(&source, text).unwrap();
    decodes(Command::new(java).arg(&source));
}

#[test]
fn node_as_a_stream() {
    if let Some(node) = program("node") {
        let script = "process.stdin.pipe(require('zlib').createGunzip()).pipe(process.stdout)";
        decodes(Command::new(node).args(["-e", script]));
    }
}

/// Not on every machine, and nothing that a user of ours needs: without it the test passes.
#[test]
fn go_if_it_is_here() {
    let go = Path::new("/usr/local/go/bin/go");
    let go = if go.exists() { go } else { Path::new("go") };
    if Command::new(go).arg("version").output().is_err() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let text = "package main
        import (\"compress/gzip\"; \"io\"; \"os\")
        func main() {
            from, err := gzip.NewReader(os.Stdin)
            if err != nil { panic(err) }
            if _, err = io.Copy(os.Stdout, from); err != nil { panic(err) }
        }";
    fs::write(dir.path().join("main.go"), text).unwrap();
    let program = dir.path().join("decode");
    let built = Command::new(go)
        .args(["build", "-o"])
        .arg(&program)
        .arg("main.go")
        .current_dir(dir.path())
        .env("GOCACHE", dir.path().join("cache"))
        .env("GOFLAGS", "-mod=mod")
        .status()
        .unwrap();
    assert!(built.success());
    decodes(&mut Command::new(program));
}

/// Rust's reader of one member, which stops at its end: all of the tar is in it.
#[test]
fn flate2_with_one_member_and_with_many() {
    let blob = fs::read(&BLOB.path).unwrap();
    let mut tar = Vec::new();
    let mut one = flate2::bufread::GzDecoder::new(&blob[..]);
    one.read_to_end(&mut tar).unwrap();
    assert_eq!(Digest::of(&tar), BLOB.diff_id);
    tar.clear();
    let mut many = flate2::bufread::MultiGzDecoder::new(&blob[..]);
    many.read_to_end(&mut tar).unwrap();
    assert_eq!(Digest::of(&tar), BLOB.diff_id);
}

/// A pipe that gives a few bytes at a time, to the decoder that nearly every program uses.
#[test]
fn gzip_from_a_slow_pipe() {
    let Some(gzip) = program("gzip") else {
        return;
    };
    let mut child = Command::new(gzip)
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let blob = fs::read(&BLOB.path).unwrap();
    let writer = std::thread::spawn(move || {
        for piece in blob.chunks(997) {
            stdin.write_all(piece).unwrap();
        }
    });
    let mut tar = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut tar).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(Digest::of(&tar), BLOB.diff_id);
}
