//! Which packs there are: names in the folders, and the idx of each, mapped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::{Dir, Entry, Kind, Stat};

use super::announce::{self, Stamp};
use crate::idx::{Idx, PackId};
use crate::map::Map;
use crate::{Error, ErrorKind, Result};

/// Where the files of a pack lie beneath the folder of packs.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) folder: PathBuf,
    pub(crate) pack: PathBuf,
    pub(crate) idx: PathBuf,
}

impl Names {
    pub(crate) fn of(id: PackId) -> Names {
        let folder = PathBuf::from(format!("{:02x}", id.as_bytes()[0]));
        Names {
            pack: folder.join(format!("{id}.pack")),
            idx: folder.join(format!("{id}.idx")),
            folder,
        }
    }
}

/// A pack that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    pub pack: PackId,
    pub lacks: Lacks,
}

/// What is missing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacks {
    /// There is a pack: [`Packs::rebuild`](crate::Packs::rebuild) finds what it holds.
    Idx,
    /// There are both, but the idx cannot be one.
    SoundIdx,
    /// There is an idx alone, good for nothing.
    Pack,
}

/// The packs at one moment.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) stamp: Stamp,
    /// Sorted by id.
    pub(super) packs: Vec<Arc<Listed>>,
    /// Sorted by id.
    pub(super) strays: Vec<Stray>,
}

#[derive(Debug)]
pub(super) struct Listed {
    pub(super) idx: Idx<Map>,
    /// Which file the idx is: another one of that name is mapped anew.
    file: (u64, u64),
}

impl Listing {
    pub(super) fn get(&self, id: PackId) -> Option<&Arc<Listed>> {
        let at = self.packs.binary_search_by_key(&id, |pack| pack.idx.id());
        self.packs.get(at.ok()?)
    }
}

/// Lists the folder; an idx that `known` has mapped and that is still the same file is not opened again.
pub(super) fn list(packs: &Dir, known: Option<&Listing>) -> Result<Listing> {
    let failed = |error| Error::files("listing packs", error);
    // Asked first: what comes while we look makes the stamp differ from this one.
    let stamp = announce::stamp(packs).map_err(failed)?;
    let mut listing = Listing {
        stamp,
        packs: Vec::new(),
        strays: Vec::new(),
    };
    for entry in packs.entries().map_err(failed)? {
        if !is_folder_of_packs(&entry) {
            continue;
        }
        match packs.dir(Path::new(&entry.name)) {
            Err(error) if error.kind() == files::ErrorKind::NotFound => {}
            folder => listing.add_folder(&folder.map_err(failed)?, &entry.name, known)?,
        }
    }
    Ok(listing)
}

fn is_folder_of_packs(entry: &Entry) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let name = entry.name.as_encoded_bytes();
    entry.kind == Kind::Dir && name.len() == 2 && name.iter().all(is_hex)
}

/// Which of its two files a pack has.
#[derive(Default)]
struct Has {
    pack: bool,
    idx: bool,
}

impl Listing {
    fn add_folder(
        &mut self,
        folder: &Dir,
        name: &std::ffi::OsStr,
        known: Option<&Listing>,
    ) -> Result<()> {
        let entries = folder
            .entries()
            .map_err(|error| Error::files("listing packs", error))?;
        for (pack, has) in pairs(&entries, name) {
            let lacks = match (has.pack, has.idx) {
                (true, true) => match open(folder, pack, known)? {
                    Opened::Listed(listed) => {
                        self.packs.push(listed);
                        continue;
                    }
                    Opened::Newer | Opened::Gone => continue,
                    Opened::Broken => Lacks::SoundIdx,
                },
                (true, false) => Lacks::Idx,
                (false, _) => Lacks::Pack,
            };
            self.strays.push(Stray { pack, lacks });
        }
        Ok(())
    }
}

/// Sorted by id; files with other names are none of ours.
fn pairs(entries: &[Entry], folder: &std::ffi::OsStr) -> BTreeMap<PackId, Has> {
    let mut pairs: BTreeMap<PackId, Has> = BTreeMap::new();
    for entry in entries {
        let name = entry.name.to_str().and_then(|name| name.split_once('.'));
        let Some((hex, extension)) = name else {
            continue;
        };
        let Some(id) = PackId::from_hex(hex) else {
            continue;
        };
        if Names::of(id).folder.as_os_str() != folder {
            continue;
        }
        match extension {
            "pack" => pairs.entry(id).or_default().pack = true,
            "idx" => pairs.entry(id).or_default().idx = true,
            _ => {}
        }
    }
    pairs
}

pub(super) enum Opened {
    Listed(Arc<Listed>),
    /// Of a newer slipway: not for us, and not broken.
    Newer,
    /// Removed since the folder was listed.
    Gone,
    Broken,
}

pub(super) fn open(folder: &Dir, id: PackId, known: Option<&Listing>) -> Result<Opened> {
    let name = PathBuf::from(format!("{id}.idx"));
    let failed = |error| Error::files(format!("opening the idx of pack {id}"), error);
    if let Some(known) = known.and_then(|known| known.get(id)) {
        match folder.stat(&name).map_err(failed)? {
            Some(stat) if stat.id == known.file => return Ok(Opened::Listed(known.clone())),
            _ => {}
        }
    }
    let file = match folder.file(&name) {
        Err(error) if error.kind() == files::ErrorKind::NotFound => return Ok(Opened::Gone),
        Err(error) if is_unusable(&error) => return Ok(Opened::Broken),
        file => file.map_err(failed)?,
    };
    let stat = Stat::of(&file).map_err(failed)?;
    let map = match Map::of(&file) {
        Err(error) if super::is_disk_fault(&error) => return Ok(Opened::Broken),
        map => map.map_err(|error| Error::io(format!("mapping the idx of pack {id}"), error))?,
    };
    match Idx::open(id, map) {
        Ok(idx) => Ok(Opened::Listed(Arc::new(Listed { idx, file: stat.id }))),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Opened::Newer),
        Err(_) => Ok(Opened::Broken),
    }
}

/// No regular file, or one that the disk does not give back.
fn is_unusable(error: &files::Error) -> bool {
    error.kind() == files::ErrorKind::NotRegular || super::is_disk_fault_of(error)
}
