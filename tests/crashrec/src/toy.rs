//! A store of fifty lines that follows the commit protocol, or leaves one step of it out: the seeded bugs that the rig must see.
//!
//! Pack: written beside, synced, renamed, folder synced. Its index likewise, then the reference, and only then it is done.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use oci::Digest;
use oci::testing::noise;

use crate::Result;
use crate::judge::Flaws;
use crate::worker::acknowledge;

pub const COMMITS: usize = 10;
const PACK_BYTES: usize = 256 << 10;

/// Which step of the protocol is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omit {
    Nothing,
    /// The pack's bytes are not synced.
    Data,
    /// No folder is synced.
    Directory,
    /// The reference's bytes are not synced.
    Reference,
    /// The index is visible before its pack.
    Order,
}

impl Omit {
    pub const BUGS: [Omit; 4] = [Omit::Data, Omit::Directory, Omit::Reference, Omit::Order];

    pub fn name(self) -> &'static str {
        match self {
            Omit::Nothing => "nothing",
            Omit::Data => "data",
            Omit::Directory => "directory",
            Omit::Reference => "reference",
            Omit::Order => "order",
        }
    }
}

impl FromStr for Omit {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Omit, String> {
        Omit::BUGS
            .into_iter()
            .chain([Omit::Nothing])
            .find(|omit| omit.name() == name)
            .ok_or_else(|| format!("{name}: no step of the protocol"))
    }
}

/// Commits packs, saying when each is done.
pub fn work(dir: &Path, omit: Omit) -> Result<()> {
    for folder in ["packs", "refs"] {
        std::fs::create_dir_all(dir.join(folder))?;
    }
    File::open(dir)?.sync_all()?;
    for number in 0..COMMITS {
        commit(dir, number, omit)?;
        acknowledge(number, "")?;
    }
    Ok(())
}

fn commit(dir: &Path, number: usize, omit: Omit) -> Result<()> {
    let bytes = pack(number);
    let digest = Digest::of(&bytes).to_string();
    let pack = format!("packs/{number}.pack");
    let index = format!("packs/{number}.idx");
    let reference = format!("refs/{number}");
    if omit == Omit::Order {
        keep(dir, &index, digest.as_bytes(), true, true)?;
    }
    let dirs = omit != Omit::Directory;
    keep(dir, &pack, &bytes, omit != Omit::Data, dirs)?;
    if omit != Omit::Order {
        keep(dir, &index, digest.as_bytes(), true, dirs)?;
    }
    let synced = omit != Omit::Reference;
    keep(dir, &reference, digest.as_bytes(), synced, dirs)
}

/// Writes beside and renames, with the two syncs that make it durable or without them.
fn keep(dir: &Path, path: &str, bytes: &[u8], sync_file: bool, sync_dir: bool) -> Result<()> {
    let (path, part) = (dir.join(path), dir.join(format!("{path}.part")));
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    if sync_file {
        file.sync_data()?;
    }
    std::fs::rename(&part, &path)?;
    if sync_dir {
        let folder = path.parent().expect("a file lies in a folder");
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn pack(number: usize) -> Vec<u8> {
    noise(number as u64 + 900, PACK_BYTES)
}

/// As [`crate::judge::judge`] for a store of this kind.
pub fn judge(dir: &Path, done: usize) -> Flaws {
    let mut flaws = Flaws::default();
    for number in 0..COMMITS {
        let read = |path: String| std::fs::read(dir.join(path)).ok();
        let whole = read(format!("packs/{number}.pack"))
            .is_some_and(|pack| Digest::of(&pack) == Digest::of(&self::pack(number)));
        let digest = Digest::of(&pack(number)).to_string();
        let leads_to_it = |text: &Vec<u8>| whole && *text == digest.as_bytes();
        let index = read(format!("packs/{number}.idx"));
        let reference = read(format!("refs/{number}"));
        for (what, text) in [("index", &index), ("reference", &reference)] {
            if text.as_ref().is_some_and(|text| !leads_to_it(text)) {
                flaws.broken.push(format!("{what} {number}"));
            }
        }
        if number < done && !reference.is_some_and(|text| leads_to_it(&text)) {
            flaws.lost.push(format!("commit {number}"));
        }
    }
    flaws
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_protocol_leaves_nothing_to_complain_about_and_a_cut_pack_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["packs", "refs"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        for number in 0..COMMITS {
            commit(dir.path(), number, Omit::Nothing).unwrap();
        }
        assert!(judge(dir.path(), COMMITS).none());
        std::fs::write(dir.path().join("packs/3.pack"), "").unwrap();
        let flaws = judge(dir.path(), 2);
        assert_eq!((flaws.lost.len(), flaws.broken.len()), (0, 2), "{flaws:?}");
        assert_eq!(judge(dir.path(), 4).lost.len(), 1);
    }
}
