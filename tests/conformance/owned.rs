//! Files whose owners are those of a case, not those on this machine, so that an ordinary user can run it; and the
//! encodings of the cases.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::MediaType;
use oci::tarball::{Content, Disk, Found, Tree};

/// Owners by path in the case, and whose what the exporter makes is.
pub(crate) struct Owned {
    pub(crate) listed: BTreeMap<PathBuf, (u32, u32)>,
    pub(crate) others: (u32, u32),
}

impl Owned {
    pub(crate) fn open(self: &Arc<Self>, root: &Path, path: &Path) -> oci::Result<OwnedTree> {
        let at = Path::new("/").join(path.strip_prefix(root).unwrap());
        Ok(OwnedTree {
            disk: Disk::open(path)?,
            at,
            owned: Arc::clone(self),
        })
    }
}

pub(crate) struct OwnedTree {
    disk: Disk,
    at: PathBuf,
    owned: Arc<Owned>,
}

impl OwnedTree {
    fn found(&self, path: &Path, found: Found) -> Found {
        let (uid, gid) = self
            .owned
            .listed
            .get(path)
            .copied()
            .unwrap_or(self.owned.others);
        Found { uid, gid, ..found }
    }
}

impl Tree for OwnedTree {
    fn root(&self) -> oci::Result<Found> {
        Ok(self.found(&self.at, self.disk.root()?))
    }

    fn above(&self, levels: usize) -> oci::Result<Option<Found>> {
        let Some(at) = self.at.ancestors().nth(levels) else {
            return Ok(None);
        };
        Ok(self.disk.above(levels)?.map(|found| self.found(at, found)))
    }

    fn list(&self, path: &Path) -> oci::Result<Vec<(OsString, Found)>> {
        let list = self.disk.list(path)?.into_iter();
        Ok(list
            .map(|(name, found)| {
                (
                    name.clone(),
                    self.found(&self.at.join(path).join(name), found),
                )
            })
            .collect())
    }

    fn link(&self, path: &Path) -> oci::Result<Vec<u8>> {
        self.disk.link(path)
    }

    fn content(&self, path: &Path, found: &Found) -> Content {
        self.disk.content(path, found)
    }
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} in base64"),
    };
    let mut bytes = Vec::new();
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(value)
        .collect();
    for group in digits.chunks(4) {
        let bits = group
            .iter()
            .fold(0u32, |bits, digit| bits << 6 | u32::from(*digit))
            << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let bytes = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let mut plain = Vec::new();
    oci::decompress(&MediaType::OciLayerGzip, bytes, u64::MAX)
        .unwrap()
        .read_to_end(&mut plain)
        .unwrap();
    plain
}
