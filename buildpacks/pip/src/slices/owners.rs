//! What in `site-packages` belongs to which distribution, by their RECORDs.
//!
//! Spec: <https://packaging.python.org/en/latest/specifications/recording-installed-packages/>

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Component, Path, PathBuf};

use toolkit::Result;

use super::failed;
use crate::requirements::normalized;

/// Longer RECORDs count as none; Django's has 3,700 lines.
const LINES: usize = 100_000;
/// How many folders below each other several distributions can share; deeper ones stay where they are. `google/cloud/x` is 3.
const DEPTH: usize = 8;

/// A file or folder that belongs to one distribution with all it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unit {
    /// Below `site-packages`.
    pub(super) path: PathBuf,
    /// The distribution's normalised name: `a-z`, `0-9`, `-`.
    pub(super) owner: String,
    /// Of all files in it.
    pub(super) bytes: u64,
}

/// What can be moved, sorted by path. A folder in which several distributions have something is taken apart.
///
/// What is in no RECORD is nobody's, and so is everything of a distribution whose RECORD is missing or odd. Python source
/// in a shared folder stays there, because its bytecode lies in a folder of all, and `.pth` files, which are read at start.
pub(super) fn units(site: &Path) -> Result<Vec<Unit>> {
    let mut tree = Node::default();
    for (folder, name) in distributions(site)? {
        let record = site.join(&folder).join("RECORD");
        // Unreadable is as good as none: then its packages stay where they are.
        let Ok(Some(record)) = toolkit::read_text(&record) else {
            continue;
        };
        if record.lines().nth(LINES).is_some() {
            continue;
        }
        for path in record.lines().filter_map(path_of) {
            tree.add(&path, &name);
        }
    }
    let mut units = Vec::new();
    collect(&tree, site, Path::new(""), &mut units)?;
    Ok(units)
}

/// Folders `*.dist-info` and the distributions' normalised names, sorted.
fn distributions(site: &Path) -> Result<BTreeMap<OsString, String>> {
    let entries = fs::read_dir(site).map_err(|error| failed("listing", site, &error))?;
    let mut found = BTreeMap::new();
    for entry in entries {
        let folder = entry
            .map_err(|error| failed("listing", site, &error))?
            .file_name();
        if let Some(name) = folder.to_str().and_then(distribution) {
            found.insert(folder, name);
        }
    }
    Ok(found)
}

/// The distribution of a `name-version.dist-info`; `None` when it could not be part of a layer's name.
fn distribution(folder: &str) -> Option<String> {
    let (name, _) = folder.strip_suffix(".dist-info")?.split_once('-')?;
    let name = normalized(name);
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (is_plain && !name.is_empty() && name.len() <= 100).then_some(name)
}

/// The path of a line of RECORD, when it stays within `site-packages`.
fn path_of(line: &str) -> Option<PathBuf> {
    let path = match line.strip_prefix('"') {
        Some(quoted) => quoted.split("\",").next()?.replace("\"\"", "\""),
        None => line.split(',').next()?.to_owned(),
    };
    let path = PathBuf::from(path);
    let stays = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (stays && path != Path::new("")).then_some(path)
}

/// A path that some RECORD names, or a folder above one.
#[derive(Debug, Default)]
struct Node {
    owner: Option<Owner>,
    children: BTreeMap<OsString, Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    One(String),
    Several,
}

impl Node {
    fn add(&mut self, path: &Path, name: &str) {
        let mut node = self;
        for part in path.components().take(DEPTH) {
            node = node
                .children
                .entry(part.as_os_str().to_owned())
                .or_default();
            node.owner = Some(match node.owner.take() {
                None => Owner::One(name.to_owned()),
                Some(Owner::One(other)) if other == name => Owner::One(other),
                Some(_) => Owner::Several,
            });
        }
    }
}

fn collect(node: &Node, site: &Path, above: &Path, units: &mut Vec<Unit>) -> Result<()> {
    for (name, child) in &node.children {
        let path = above.join(name);
        let Ok(meta) = site.join(&path).symlink_metadata() else {
            continue;
        };
        match &child.owner {
            _ if name == "__pycache__" => {}
            Some(Owner::One(owner)) if meta.is_dir() || is_shared_object(name, &meta) => {
                let bytes = size(&site.join(&path), &meta)?;
                units.push(Unit {
                    path,
                    owner: owner.clone(),
                    bytes,
                });
            }
            Some(Owner::Several) if meta.is_dir() => collect(child, site, &path, units)?,
            _ => {}
        }
    }
    Ok(())
}

/// `x.so`, `x.cpython-313-x86_64-linux-gnu.so`, `libx.so.1`.
fn is_shared_object(name: &OsStr, meta: &fs::Metadata) -> bool {
    let name = name.to_string_lossy();
    meta.is_file() && (name.ends_with(".so") || name.contains(".so."))
}

fn size(path: &Path, meta: &fs::Metadata) -> Result<u64> {
    if !meta.is_dir() {
        return Ok(meta.len());
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path).map_err(|error| failed("listing", path, &error))? {
        let entry = entry.map_err(|error| failed("listing", path, &error))?;
        let meta = entry
            .metadata()
            .map_err(|error| failed("looking at", &entry.path(), &error))?;
        if meta.is_dir() || meta.is_file() {
            bytes += size(&entry.path(), &meta)?;
        }
    }
    Ok(bytes)
}
