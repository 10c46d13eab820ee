//! The app directory cut into layers by glob patterns, as Go's exporter does it (XP-4).

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::Kind;

use super::glob::matches;
use super::walk::{above, entry, in_image, unless_changed};
use super::{Disk, Entry, Found, Packed, Stamp, Tree, lexical, pack};
use crate::{Error, Result, Store};

/// Entries of one slice.
#[derive(Debug, Default)]
pub struct Sliced {
    pub entries: Vec<Entry>,
    /// Sockets, which no tar can hold: absolute paths in the image.
    pub skipped: Vec<Vec<u8>>,
}

/// Packs a directory into one layer per list of patterns and one for the rest; layers may be empty.
///
/// A pattern is Go's `filepath.Match` on the path relative to `dir`, after `filepath.Clean`; what a matched directory holds
/// goes with it, what an earlier slice has does not. Directories above a match are repeated in every slice that needs them.
/// Fails with `Malformed` when a pattern is none.
pub fn slices(
    dir: &Path,
    at: &Path,
    patterns: &[Vec<String>],
    stamp: &Stamp,
    into: &Arc<dyn Store>,
) -> Result<Vec<Packed>> {
    slices_from(&Disk::open(dir)?, at, patterns, stamp, into)
}

/// As [`slices`], for any tree.
pub fn slices_from(
    tree: &dyn Tree,
    at: &Path,
    patterns: &[Vec<String>],
    stamp: &Stamp,
    into: &Arc<dyn Store>,
) -> Result<Vec<Packed>> {
    unless_changed(|| {
        let pack = |slice: Sliced| {
            let layer = pack(&mut slice.entries.into_iter().map(Ok), into)?;
            Ok(Packed {
                layer,
                skipped: slice.skipped,
            })
        };
        slices_of(tree, at, patterns, stamp)?
            .into_iter()
            .map(pack)
            .collect()
    })
}

/// The entries of [`slices`].
pub fn slices_of(
    tree: &dyn Tree,
    at: &Path,
    patterns: &[Vec<String>],
    stamp: &Stamp,
) -> Result<Vec<Sliced>> {
    let mut files = Files::new(tree)?;
    let parents = above(tree, at, stamp)?;
    let mut chosen = Vec::new();
    for list in patterns {
        chosen.push(files.choose(list)?);
    }
    chosen.push(files.rest());
    chosen
        .into_iter()
        .map(|paths| files.sliced(paths, &parents, tree, at, stamp))
        .collect()
}

/// All files below the app directory, by their path as text (so `a-b` comes before `a/b`), and which are taken.
struct Files {
    /// Keys are relative to the app directory; the directory itself is the empty path.
    all: BTreeMap<Vec<u8>, File>,
    /// Paths in the order of a walk over the tree, in which Go tries its patterns.
    walked: Vec<Vec<u8>>,
}

struct File {
    found: Found,
    children: Vec<Vec<u8>>,
    taken: bool,
}

impl Files {
    fn new(tree: &dyn Tree) -> Result<Files> {
        let mut files = Files {
            all: BTreeMap::new(),
            walked: Vec::new(),
        };
        let mut pending = vec![(PathBuf::new(), tree.root()?)];
        while let Some((path, found)) = pending.pop() {
            let mut children = Vec::new();
            if found.kind == Kind::Dir {
                let listed: Vec<_> = tree
                    .list(&path)?
                    .into_iter()
                    .map(|(name, found)| (path.join(name), found))
                    .collect();
                children = listed
                    .iter()
                    .map(|(path, _)| path.as_os_str().as_bytes().to_vec())
                    .collect();
                pending.extend(listed.into_iter().rev());
            }
            let key = path.as_os_str().as_bytes().to_vec();
            files.walked.push(key.clone());
            files.all.insert(
                key,
                File {
                    found,
                    children,
                    taken: false,
                },
            );
        }
        Ok(files)
    }

    /// Takes what the patterns match and nobody has taken; the result also has the directories above it.
    fn choose(&mut self, patterns: &[String]) -> Result<Vec<Vec<u8>>> {
        let mut matched = Vec::new();
        for pattern in patterns {
            let cleaned = lexical::clean(pattern.as_bytes());
            for path in self.walked.iter().filter(|path| !path.is_empty()) {
                let hit = matches(&cleaned, path).map_err(|_| {
                    Error::malformed(format!(
                        "slicing the app by {pattern:?}, which is no pattern"
                    ))
                })?;
                if hit {
                    matched.push(path.clone());
                }
            }
        }
        let mut taken = Vec::new();
        for path in matched {
            self.take(path, &mut taken);
        }
        Ok(self.with_parents(taken))
    }

    fn take(&mut self, path: Vec<u8>, taken: &mut Vec<Vec<u8>>) {
        let mut pending = vec![path];
        while let Some(path) = pending.pop() {
            if let Some(file) = self.all.get_mut(&path).filter(|file| !file.taken) {
                file.taken = true;
                pending.extend(file.children.iter().cloned());
                taken.push(path);
            }
        }
    }

    fn with_parents(&mut self, taken: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut chosen: std::collections::BTreeSet<Vec<u8>> = taken.into_iter().collect();
        let mut parents = std::collections::BTreeSet::new();
        for path in &chosen {
            let mut path = &path[..];
            while !path.is_empty() {
                path = &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
                if !chosen.contains(path) {
                    parents.insert(path.to_vec());
                }
            }
        }
        // A directory all of whose children are taken is not in the last slice. Deepest first.
        for parent in parents.iter().rev() {
            let all = |file: &File| {
                file.children
                    .iter()
                    .all(|child| self.all.get(child).is_some_and(|file| file.taken))
            };
            let taken = self.all.get(parent).is_some_and(all);
            if let Some(file) = self.all.get_mut(parent) {
                file.taken = taken;
            }
        }
        chosen.append(&mut parents);
        chosen.into_iter().collect()
    }

    fn rest(&mut self) -> Vec<Vec<u8>> {
        self.all
            .iter()
            .filter(|(_, file)| !file.taken)
            .map(|(path, _)| path.clone())
            .collect()
    }

    fn sliced(
        &self,
        paths: Vec<Vec<u8>>,
        parents: &[Entry],
        tree: &dyn Tree,
        at: &Path,
        stamp: &Stamp,
    ) -> Result<Sliced> {
        let mut sliced = Sliced::default();
        if !paths.is_empty() {
            sliced.entries.extend_from_slice(parents);
        }
        for path in paths {
            let Some(file) = self.all.get(&path) else {
                continue;
            };
            let path = Path::new(std::ffi::OsStr::from_bytes(&path));
            match entry(tree, at, path, &file.found, stamp)? {
                Some(entry) => sliced.entries.push(entry),
                None => sliced.skipped.push(in_image(at, path)),
            }
        }
        Ok(sliced)
    }
}
