//! Which packs there are: names in the folders, and the idx of each, mapped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use files::{Dir, Entry, Kind, Stat};

use super::announce::{self, Stamp};
use super::catalog::Catalog;
use crate::idx::{self, Idx, PackId};
use crate::map::Map;
use crate::{ChunkId, Error, ErrorKind, Result};

/// So many packs are searched as fast as a catalog.
const FEW_PACKS: usize = 8;
/// Searching one idx costs about as much as adding so many chunks to a catalog: 0.9 µs, and 50 to 90 ns, with cold caches.
const SEARCH_COSTS_CHUNKS: usize = 16;

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
    catalog: Option<Catalogued>,
    /// Those that the catalog does not know.
    others: Vec<Arc<Listed>>,
    /// How often the idx of one of the others was searched.
    searches: AtomicUsize,
}

/// A catalog that may be older than the listing.
#[derive(Debug, Clone)]
struct Catalogued {
    catalog: Arc<Catalog>,
    /// Which of its packs are still there.
    is_there: Arc<[bool]>,
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

    /// Every copy of a chunk, in no order.
    pub(super) fn find(&self, id: ChunkId) -> Vec<(PackId, idx::Entry)> {
        let searches = self.others.len();
        self.searches.fetch_add(searches, Ordering::Relaxed);
        let catalogued = self.catalog.iter().flat_map(|catalogued| {
            let packs = &catalogued.catalog.packs;
            let places = catalogued.catalog.candidates(id);
            places
                .filter(|place| catalogued.is_there.get(*place) == Some(&true))
                .filter_map(|place| packs.get(place))
        });
        let packs = catalogued.chain(&self.others);
        packs
            .filter_map(|pack| Some((pack.idx.id(), pack.idx.find(id)?)))
            .collect()
    }

    /// Whether the searches in single packs have cost as much as a new catalog would.
    pub(super) fn wants_catalog(&self) -> bool {
        self.others.len() > FEW_PACKS
            && self.searches.load(Ordering::Relaxed) * SEARCH_COSTS_CHUNKS > self.chunks()
    }

    /// The same packs with a catalog of them all; `None` when they are too many.
    pub(super) fn with_catalog(&self) -> Option<Listing> {
        let catalog = Catalog::new(self.packs.clone())?;
        let catalogued = Catalogued {
            is_there: vec![true; catalog.packs.len()].into(),
            catalog: Arc::new(catalog),
        };
        Some(Listing {
            stamp: self.stamp,
            packs: self.packs.clone(),
            strays: self.strays.clone(),
            catalog: Some(catalogued),
            others: Vec::new(),
            searches: AtomicUsize::new(0),
        })
    }

    #[cfg(test)]
    pub(super) fn has_catalog(&self) -> bool {
        self.catalog.is_some()
    }

    fn chunks(&self) -> usize {
        self.packs.iter().map(|pack| pack.idx.count()).sum()
    }

    /// Takes over the catalog of an earlier listing, as far as its packs are still the same.
    fn use_catalog_of(&mut self, known: Option<&Listing>) {
        let earlier = known.and_then(|known| known.catalog.as_ref());
        let same = |pack: &Arc<Listed>| {
            let now = self.get(pack.idx.id());
            now.is_some_and(|now| Arc::ptr_eq(now, pack))
        };
        self.catalog = earlier.map(|earlier| Catalogued {
            is_there: earlier.catalog.packs.iter().map(same).collect(),
            catalog: earlier.catalog.clone(),
        });
        let is_catalogued = |pack: &Arc<Listed>| {
            let packs = earlier
                .map(|earlier| &earlier.catalog.packs[..])
                .unwrap_or_default();
            let at = packs.binary_search_by_key(&pack.idx.id(), |pack| pack.idx.id());
            at.is_ok_and(|at| Arc::ptr_eq(&packs[at], pack))
        };
        let others = self.packs.iter().filter(|pack| !is_catalogued(pack));
        self.others = others.cloned().collect();
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
        catalog: None,
        others: Vec::new(),
        searches: AtomicUsize::new(0),
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
    listing.use_catalog_of(known);
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
