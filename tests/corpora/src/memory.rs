//! The most memory that packing takes: one large file, and a great many small ones.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Result;
use crate::export::ours;
use crate::spent::ratio;
use harness::Table;

const MIB: u64 = 1 << 20;
const KIB_OF_MIB: u64 = 1 << 10;
const FILES_OF_A_FOLDER: usize = 1000;

/// How much is packed.
pub(crate) struct Load {
    /// Of the large file, holes included.
    pub(crate) gibibytes: u64,
    /// A multiple of 1000.
    pub(crate) files: usize,
}

pub(crate) const SHORT: Load = Load {
    gibibytes: 1,
    files: 100_000,
};

pub(crate) const LONG: Load = Load {
    gibibytes: 10,
    files: 1_000_000,
};

pub(crate) fn report(load: &Load, scratch: &Path, table: &mut Table) -> Result<()> {
    let Load { gibibytes, files } = load;
    let mut peak = |what: &str, make: &dyn Fn(&Path) -> Result<()>| {
        let world = tempfile::tempdir_in(scratch)?;
        let tree = world.path().join("tree");
        fs::create_dir(&tree)?;
        make(&tree)?;
        let export = ours(&tree, &world.path().join("store"), 0)?;
        table.at_most(what, ratio(export.peak_kib, KIB_OF_MIB), 256.0, " MiB");
        Ok(()) as Result<()>
    };
    peak(
        &format!("peak memory: a file of {gibibytes} GiB"),
        &|tree| large(tree, gibibytes * 1024),
    )?;
    peak(&format!("peak memory: {files} files"), &|tree| {
        many(tree, *files)
    })
}

/// A file of holes, with a mebibyte of noise at the start of every four.
fn large(tree: &Path, mebibytes: u64) -> Result<()> {
    let file = File::create(tree.join("large"))?;
    file.set_len(mebibytes * MIB)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (0..mebibytes).step_by(4) {
        let noise: Vec<u8> = (0..MIB / 8)
            .flat_map(|_| next(&mut state).to_le_bytes())
            .collect();
        file.write_all_at(&noise, at * MIB)?;
    }
    Ok(())
}

/// xorshift64: noise without a library.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn many(tree: &Path, files: usize) -> Result<()> {
    for folder in 0..files / FILES_OF_A_FOLDER {
        let folder = tree.join(format!("folder-{folder}"));
        fs::create_dir(&folder)?;
        for file in 0..FILES_OF_A_FOLDER {
            let file = folder.join(format!("file-{file}"));
            fs::write(&file, file.as_os_str().as_encoded_bytes())?;
        }
    }
    Ok(())
}
