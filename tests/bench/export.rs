//! Exporting a layer beside `tar | gzip` on the same tree, and its memory.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use oci::{Layer, Local, Owners, Stamp, Store};

use harness::Table;

use crate::rounds::best_of_each;

const STAMP: Stamp = Stamp {
    mtime: 315_532_801,
    owners: Owners::Written {
        uid: 1001,
        gid: 1000,
    },
};
const MIB: u64 = 1 << 20;

pub fn speed(table: &mut Table) {
    let world = tempfile::tempdir().expect("a temporary folder");
    let tree = tree(world.path());
    let ours_at = world.path().join("store");
    let tar_at = world.path().join("tree.tar.gz");
    let mut blob_size = 0;
    let ours = |size: &mut u64| {
        let _ = std::fs::remove_dir_all(&ours_at);
        *size = pack(&tree, &ours_at).blob.descriptor.size;
    };
    for (level, goal) in [("-1", 2.0), ("-6", 4.0)] {
        let (mine, theirs) = best_of_each(
            5,
            || ours(&mut blob_size),
            || tar_gzip(&tree, level, &tar_at),
        );
        table.at_least(
            &format!("export: faster than tar | gzip {level}"),
            theirs.as_secs_f64() / mine.as_secs_f64(),
            goal,
            "×",
        );
    }
    let gzip_size = std::fs::metadata(&tar_at).expect("the archive").len();
    table.at_most(
        "export: size beside gzip -6",
        ratio(blob_size, gzip_size),
        1.0,
        "",
    );
}

pub fn memory(table: &mut Table) {
    let world = tempfile::tempdir().expect("a temporary folder");
    let tree = world.path().join("tree");
    gibibyte(&tree);
    let child = Command::new(std::env::current_exe().expect("this program"))
        .arg("export-and-tell-memory")
        .arg(world.path())
        .output()
        .expect("the child");
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let peak: u64 = String::from_utf8_lossy(&child.stdout)
        .trim()
        .parse()
        .expect("kibibytes");
    table.at_most(
        "export: peak memory for a 1 GiB tree",
        ratio(peak * 1024, MIB),
        64.0,
        " MiB",
    );
}

/// Packs `<world>/tree` and prints the peak of resident memory in KiB.
pub fn child(world: &str) -> ExitCode {
    let world = Path::new(world);
    pack(&world.join("tree"), &world.join("store"));
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM")
        .trim()
        .trim_end_matches(" kB");
    println!("{peak}");
    ExitCode::SUCCESS
}

fn pack(tree: &Path, store: &Path) -> Layer {
    let store: Arc<dyn Store> = Local::open(store).expect("a store");
    Layer::pack(tree, Path::new("/layers/bench/tree"), &STAMP, &store).expect("a layer")
}

fn tar_gzip(tree: &Path, level: &str, to: &Path) {
    let script = "tar -cf - -C \"$1\" . | gzip -n \"$2\" > \"$3\" && sync \"$3\"";
    let status = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(tree)
        .arg(level)
        .arg(to)
        .status()
        .expect("sh");
    assert!(status.success());
}

/// A tree of this machine's own libraries and scripts: text, byte code and machine code, at least 60 MiB.
fn tree(world: &Path) -> std::path::PathBuf {
    let tree = world.join("tree");
    std::fs::create_dir(&tree).expect("a folder");
    let script = r#"for from in /usr/lib/python3* /usr/share/perl /usr/lib/x86_64-linux-gnu/perl-base /usr/lib/gcc/x86_64-linux-gnu; do
        if [ -d "$from" ] && [ "$(du -sm "$1" | cut -f1)" -lt 250 ]; then cp -r "$from" "$1"/; fi; done"#;
    let status = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&tree)
        .status()
        .expect("sh");
    assert!(status.success());
    let size = Command::new("du")
        .args(["-sm"])
        .arg(&tree)
        .output()
        .expect("du")
        .stdout;
    let size: u64 = String::from_utf8_lossy(&size)
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        .expect("MiB");
    assert!(size >= 60, "only {size} MiB of files to measure with");
    eprintln!("export tree: {size} MiB of this machine's own files");
    tree
}

/// 1 GiB in 16 files: half text that compresses, half noise that does not.
fn gibibyte(tree: &Path) {
    std::fs::create_dir(tree).expect("a folder");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..16 {
        let mut file = File::create(tree.join(format!("file-{number}"))).expect("a file");
        for _ in 0..64 {
            let block: Vec<u8> = (0..MIB / 8)
                .flat_map(|index| word(number, index, &mut state).to_le_bytes())
                .collect();
            file.write_all(&block).expect("writing");
        }
    }
}

fn word(number: u64, index: u64, state: &mut u64) -> u64 {
    // xorshift64: noise without a library.
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    if number.is_multiple_of(2) {
        *state
    } else {
        index % 4096
    }
}

#[allow(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
