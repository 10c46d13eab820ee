//! Packs where something runs out: room on the disk, open files, the disk's patience. Each test starts itself again in a process
//! with less.

#![allow(
    clippy::unwrap_used,
    reason = "a test program, also outside its test functions"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use chunks::{ChunkId, ErrorKind, PackWriter, Packs};
use files::Dir;
use harness::{program, run};

const FOLDER: &str = "SLIPWAY_TEST_SCARCE";
const CHUNK: [u8; 1000] = [7; 1000];

/// The folder to work in, when this is the process with less; else that process is started by `line` of shell and succeeds.
fn with_less(test: &str, before: &dyn Fn(&Path), line: &str) -> Option<PathBuf> {
    with_less_and(test, before, line, &mut |_| {})
}

/// The same; `after` gets what that process printed.
fn with_less_and(
    test: &str,
    before: &dyn Fn(&Path),
    line: &str,
    after: &mut dyn FnMut(String),
) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("packs")).unwrap();
    before(folder.path());
    let mut command = Command::new("sh");
    command
        .args(["-c", line, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(FOLDER, folder.path());
    let outcome = run(&mut command).success();
    assert!(outcome.stdout.contains("1 passed"), "{}", outcome.stdout);
    after(outcome.stdout);
    None
}

fn open(folder: &Path) -> (Arc<Dir>, Packs) {
    let dir = Arc::new(Dir::open(folder).unwrap());
    let packs = Packs::open(Arc::new(Dir::open(&folder.join("packs")).unwrap()));
    (dir, packs)
}

/// What a segment holds is nobody's business here.
fn push(writer: &mut PackWriter, number: u32) -> chunks::Result<()> {
    writer.push(id(number), 1000, &CHUNK)
}

fn id(number: u32) -> ChunkId {
    ChunkId::of(&number.to_le_bytes())
}

fn is_empty(folder: &Path) -> bool {
    let count = |path: &Path| std::fs::read_dir(path).unwrap().count();
    count(&folder.join("packs")) == 0 && count(folder) == 1
}

/// No file may have more than 512 KiB; or half of that, since some shells count in half KiB.
const SMALL_FILES: &str = "trap '' XFSZ; ulimit -f 512; exec \"$@\"";

#[test]
fn a_pack_that_finds_no_room_says_so_and_leaves_nothing() {
    let line = SMALL_FILES;
    let test = "a_pack_that_finds_no_room_says_so_and_leaves_nothing";
    let Some(folder) = with_less(test, &|_| {}, line) else {
        return;
    };
    let (dir, packs) = open(&folder);
    let mut writer = packs.begin(&dir, Path::new("part")).unwrap();
    let full = (0..2000).find_map(|number| push(&mut writer, number).err());
    let full = full.expect("2 MB do not fit");
    assert_eq!(full.kind(), ErrorKind::NoSpace);
    assert!(
        full.to_string().starts_with("writing a pack, after "),
        "{full}"
    );
    // Nothing goes on after that.
    push(&mut writer, 5000).unwrap_err();
    writer.seal().unwrap_err();
    assert!(is_empty(&folder));
}

#[test]
fn an_idx_that_finds_no_room_takes_its_pack_with_it() {
    let test = "an_idx_that_finds_no_room_takes_its_pack_with_it";
    let Some(folder) = with_less(test, &|_| {}, SMALL_FILES) else {
        return;
    };
    let (dir, packs) = open(&folder);
    let mut writer = packs.begin(&dir, Path::new("part")).unwrap();
    // A chunk without bytes takes 46 bytes of a pack and 48 of an idx.
    let most = u32::try_from(file_bytes_max() / 46 - 1).unwrap();
    for number in 0..most {
        writer.push(id(number), 0, b"").unwrap();
    }
    let full = writer.seal().unwrap_err();
    assert_eq!(full.kind(), ErrorKind::NoSpace);
    assert!(is_empty(&folder));
}

fn file_bytes_max() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    limit.current.unwrap()
}

/// Shell that runs the tests with these calls of fdatasync refused.
fn unsynced(strace: &Path, when: &str) -> String {
    format!(
        "exec {} -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO:when={when} \"$@\"",
        strace.display()
    )
}

fn fill(dir: &Arc<Dir>, packs: &Packs) -> chunks::Result<chunks::Sealed> {
    let mut writer = packs.begin(dir, Path::new("part")).unwrap();
    for number in 0..3 {
        push(&mut writer, number).unwrap();
    }
    writer.seal()
}

#[test]
fn what_a_disk_refuses_to_sync_is_written_to_a_new_file() {
    let Some(strace) = program("strace") else {
        return;
    };
    // The pack and, after the one of the new file, the idx.
    let line = unsynced(&strace, "1..3+2");
    let test = "what_a_disk_refuses_to_sync_is_written_to_a_new_file";
    let Some(folder) = with_less(test, &|_| {}, &line) else {
        return;
    };
    let (dir, packs) = open(&folder);
    let sealed = fill(&dir, &packs).unwrap();
    let parts = |name: &str| folder.join(name).exists();
    assert!(parts("part.again") && parts("part.again.idx.again"));
    assert!(!parts("part") && !parts("part.again.idx"));
    let written = sealed.id();
    sealed.keep().unwrap();
    assert!(packs.verify(written, false).unwrap().is_empty());
    // The same chunks make the same pack, wherever they were written.
    assert_eq!(fill(&dir, &packs).unwrap().id(), written);
}

#[test]
fn a_sync_that_fails_twice_is_not_tried_again() {
    let Some(strace) = program("strace") else {
        return;
    };
    let line = unsynced(&strace, "1..2");
    let test = "a_sync_that_fails_twice_is_not_tried_again";
    let Some(folder) = with_less(test, &|_| {}, &line) else {
        return;
    };
    let (dir, packs) = open(&folder);
    let failed = fill(&dir, &packs).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Other);
    assert!(
        std::error::Error::source(&failed)
            .unwrap()
            .to_string()
            .contains("os error 5")
    );
    assert!(is_empty(&folder));
    // The disk is patient again: a new pack is another file.
    fill(&dir, &packs).unwrap().keep().unwrap();
    assert_eq!(packs.find(id(1)).unwrap().len(), 1);
}

#[test]
fn a_read_that_fails_costs_the_chunk_only() {
    let Some(strace) = program("strace") else {
        return;
    };
    let line = format!(
        "exec {} -f -qq -o /dev/null -P \"$(echo ${FOLDER}/packs/*/*.pack)\" \
         -e trace=pread64 -e inject=pread64:error=EIO:when=1 \"$@\"",
        strace.display()
    );
    let Some(folder) = with_less("a_read_that_fails_costs_the_chunk_only", &keep_one, &line) else {
        return;
    };
    let (_, packs) = open(&folder);
    let found = packs.find(id(0)).unwrap()[0];
    assert_eq!(packs.read(&found).unwrap(), None);
    assert_eq!(packs.read(&found).unwrap().unwrap(), CHUNK);
}

fn keep_one(folder: &Path) {
    keep(folder, 1);
}

fn keep(folder: &Path, count: u32) {
    let (dir, packs) = open(folder);
    for number in 0..count {
        let mut writer = packs.begin(&dir, Path::new("part")).unwrap();
        push(&mut writer, number).unwrap();
        writer.seal().unwrap().keep().unwrap();
    }
}

#[test]
fn files_get_their_names_in_the_order_that_survives_a_power_loss() {
    let Some(strace) = program("strace") else {
        return;
    };
    let line = format!(
        "{} -f -qq -y -s 200 -o ${FOLDER}/trace \
         -e trace=fsync,fdatasync,mkdirat,renameat,renameat2,unlinkat \"$@\" && exec cat ${FOLDER}/trace",
        strace.display()
    );
    let test = "files_get_their_names_in_the_order_that_survives_a_power_loss";
    let Some(trace) = traced(test, &line) else {
        return;
    };
    let steps: Vec<_> = trace.lines().filter_map(step).collect();
    let keep = [
        "sync part",
        "sync part.idx",
        "make xx",
        "sync packs",
        "name pack",
        "sync xx",
        "name idx",
        "sync xx",
    ];
    let remove = ["remove idx", "sync xx", "remove pack"];
    assert_eq!(steps, [&keep[..], &remove].concat(), "{trace}");
}

/// What the process with less, a pack kept and removed, printed; `None` in that process.
fn traced(test: &str, line: &str) -> Option<String> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = Path::new(&folder);
        keep(folder, 1);
        let (_, packs) = open(folder);
        packs.remove(packs.all().unwrap()[0].id).unwrap();
        return None;
    }
    let mut output = None;
    with_less_and(test, &|_| {}, line, &mut |stdout| output = Some(stdout));
    output
}

/// A line of the trace, as what it means to a pack.
fn step(line: &str) -> Option<&'static str> {
    let call = line.split_whitespace().nth(1)?;
    let (call, _) = call.split_once('(')?;
    let file = |name: &str| line.contains(name);
    match call {
        "fdatasync" if file("/part.idx>") => Some("sync part.idx"),
        "fdatasync" if file("/part>") => Some("sync part"),
        "mkdirat" => Some("make xx"),
        "fsync" if file("/packs>") => Some("sync packs"),
        "fsync" if file("/packs/") => Some("sync xx"),
        "renameat" | "renameat2" if file(".pack\"") => Some("name pack"),
        "renameat" | "renameat2" if file(".idx\"") => Some("name idx"),
        "unlinkat" if file(".pack\"") => Some("remove pack"),
        "unlinkat" if file(".idx\"") => Some("remove idx"),
        _ => None,
    }
}

#[test]
fn many_packs_are_read_with_few_open_files() {
    let test = "many_packs_are_read_with_few_open_files";
    let before = |folder: &Path| keep(folder, 60);
    let Some(folder) = with_less(test, &before, "ulimit -n 24; exec \"$@\"") else {
        return;
    };
    let (_, packs) = open(&folder);
    for number in (0..60).chain(0..60) {
        let found = packs.find(id(number)).unwrap()[0];
        assert_eq!(packs.read(&found).unwrap().unwrap(), CHUNK);
    }
}
