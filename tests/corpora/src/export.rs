//! Packing a tree: by us in a process of its own, and by `tar | gzip -6`.

use std::path::Path;
use std::sync::Arc;

use oci::{Digest, Layer, Local, Owners, Stamp, Store};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Result;
use crate::spent::{Spent, measured};

pub(crate) const AT: &str = "/layers/pip/packages";
pub(crate) const STAMP: Stamp = Stamp {
    mtime: 315_532_801,
    owners: Owners::Written {
        uid: 1001,
        gid: 1000,
    },
};

/// What one process made of a tree.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) digest: Digest,
    /// Of the blob, in bytes.
    pub(crate) size: u64,
    /// The most memory that was resident, in KiB.
    pub(crate) peak_kib: u64,
    pub(crate) spent: Spent,
}

/// Packs a tree into the store at a folder, in a process of its own that may use so many cores; 0 is all.
pub(crate) fn ours(tree: &Path, store: &Path, cores: usize) -> Result<Export> {
    let program = std::env::current_exe()?;
    let cores = cores.to_string();
    let args = [
        program.as_os_str(),
        tree.as_os_str(),
        store.as_os_str(),
        cores.as_ref(),
    ];
    let (told, spent) = measured(r#""$1" pack "$2" "$3" "$4""#, &args)?;
    let unreadable = || format!("the packing process said {told:?}");
    let mut words = told.split_whitespace();
    let mut word = || words.next().ok_or_else(unreadable);
    Ok(Export {
        digest: Digest::from_hex(word()?)?,
        size: word()?.parse()?,
        peak_kib: word()?.parse()?,
        spent,
    })
}

/// The process of [`ours`]: prints what it made.
pub(crate) fn pack(tree: &Path, store: &Path, cores: usize) -> Result<()> {
    if cores > 0 {
        let mut set = CpuSet::new();
        (0..cores).for_each(|core| set.set(core));
        sched_setaffinity(None, &set)?;
    }
    let store: Arc<dyn Store> = Local::open(store)?;
    let Layer { blob, .. } = Layer::pack(tree, Path::new(AT), &STAMP, &store)?;
    let blob = blob.descriptor;
    println!("{} {} {}", blob.digest.hex(), blob.size, peak_kib()?);
    Ok(())
}

fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.ok_or("the kernel tells no VmHWM")?.trim();
    Ok(peak.trim_end_matches(" kB").parse()?)
}

/// What `tar | gzip -6` made of a tree, both in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) tar: u64,
    pub(crate) gzip: u64,
    pub(crate) spent: Spent,
}

/// The same layer as an ordinary builder makes it, durable as ours. Hard links are copies, as in every layer of a lifecycle (TA-5).
pub(crate) fn plain(tree: &Path, to: &Path) -> Result<Plain> {
    const LINE: &str = r#"tar -c --hard-dereference --sort=name --mtime=@315532801 --owner=1001 --group=1000 --numeric-owner --transform "s,^\.,${3#/},S" -C "$1" . |
        gzip -n -6 > "$2"; sync "$2""#;
    let (_, spent) = measured(LINE, &[tree.as_os_str(), to.as_os_str(), AT.as_ref()])?;
    let archive = std::fs::read(to)?;
    let tar = archive.last_chunk().ok_or("no archive")?;
    Ok(Plain {
        // The end of a gzip file: the raw size, modulo 2^32.
        tar: u64::from(u32::from_le_bytes(*tar)),
        gzip: archive.len() as u64,
        spent,
    })
}
