//! A package's data into the tree: every path checked, unwanted files left out, two packages never at one place unasked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use oci::tarball::{self, Header};

use super::{Kind, Node, Tree, Unpacked, shown};
use crate::control::Paragraph;
use crate::deb::Deb;
use crate::error::{Error, Result};
use crate::glob::Patterns;
use crate::lock::Pin;
use crate::relation;
use crate::version::Version;

/// Which files are unpacked at all.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) drop: Patterns,
    /// Exceptions from `drop`.
    pub(crate) keep: Patterns,
}

impl Filter {
    fn drops(&self, path: &[u8]) -> bool {
        self.drop.matches(path) && !self.keep.matches(path)
    }
}

impl Tree {
    /// Unpacks one package. Folders that are there already stay as they are.
    ///
    /// Fails with `Malformed` for paths that leave the tree or go through a link, devices, files of another package that this
    /// one does not replace, hard links to anything but a file of its own.
    pub(crate) fn unpack(
        &mut self,
        name: &str,
        pin: &Pin,
        deb: &Deb,
        filter: &Filter,
    ) -> Result<()> {
        let unpacking = || format!("unpacking {name} {}", pin.version);
        let scripts = deb.control()?;
        let control = scripts
            .get("control")
            .map(Vec::as_slice)
            .unwrap_or_default();
        let control = std::str::from_utf8(control)
            .ok()
            .and_then(|text| Paragraph::parse(text).ok())
            .ok_or_else(|| Error::malformed(unpacking()))?;
        let says = |field| control.get(field).unwrap_or_default();
        if (says("Package"), says("Version")) != (name, pin.version.as_str()) {
            let why = format!("it does not say that it is {name} {}", pin.version);
            return Err(Error::malformed(unpacking()).because(why));
        }
        let mut work = Work {
            package: self.packages.len(),
            filter,
            dropped: BTreeSet::new(),
            paths: Vec::new(),
        };
        self.packages.push(Unpacked {
            name: name.to_owned(),
            source: pin.source.clone(),
            control,
            scripts,
            paths: Vec::new(),
        });
        let mut refused = None;
        let read = deb.data(&mut |header, content| {
            work.entry(self, header, content).map_err(|error| {
                let text = error.to_string();
                refused.get_or_insert(error);
                oci::Error::new(oci::ErrorKind::Malformed, text)
            })
        });
        if let Some(error) = refused {
            return Err(Error::new(error.kind(), unpacking()).because(error));
        }
        read.map_err(|error| Error::new(error.kind(), unpacking()).because(error))?;
        if let Some(package) = self.packages.last_mut() {
            package.paths = work.paths;
        }
        Ok(())
    }

    /// Whether package `new` may take the place of a file of package `old`.
    fn replaces(&self, new: usize, old: Option<usize>) -> bool {
        let (Some(new), Some(old)) = (
            self.packages.get(new),
            old.and_then(|old| self.packages.get(old)),
        ) else {
            return false;
        };
        let relations = relation::parse(new.control.get("Replaces").unwrap_or_default());
        let version = Version::new(old.control.get("Version").unwrap_or_default());
        relations
            .into_iter()
            .flatten()
            .flatten()
            .any(|relation| relation.name == old.name && relation.accepts(&version))
    }
}

/// The unpacking of one package.
struct Work<'a> {
    package: usize,
    filter: &'a Filter,
    dropped: BTreeSet<Vec<u8>>,
    paths: Vec<Vec<u8>>,
}

impl Work<'_> {
    fn entry(&mut self, tree: &mut Tree, header: &Header, content: &mut dyn Read) -> Result<()> {
        let Some(mut path) = canonical(&header.name)? else {
            return Ok(());
        };
        if header.kind == tarball::Kind::Dir && MERGED.contains(&path.as_slice()) {
            path = [&b"usr/"[..], &path].concat();
        }
        self.paths.push(path.clone());
        if self.filter.drops(&path) {
            self.dropped.insert(path);
            return Ok(());
        }
        let node = self.node(header)?;
        if node.kind == Kind::Dir {
            return match tree.nodes.get(&path).map(|node| &node.kind) {
                Some(Kind::Dir) => Ok(()),
                Some(_) => Err(taken(&path)),
                None => tree.put_dir(&path, node),
            };
        }
        if let Some(known) = tree.nodes.get(&path) {
            if known.package == Some(self.package) || known.kind == Kind::Dir {
                return Err(taken(&path));
            }
            if known.kind != node.kind || matches!(node.kind, Kind::File(_)) {
                let old = known.package;
                if old.is_some_and(|old| tree.replaces(old, Some(self.package))) {
                    return Ok(());
                }
                if !tree.replaces(self.package, old) {
                    return Err(taken(&path));
                }
            }
            tree.clear(&path)?;
        }
        match &node.kind {
            Kind::File(_) => tree.put_file(&path, node, content),
            Kind::Hardlink(target) => {
                let known = tree.nodes.get(target);
                let is_own = known.is_some_and(|known| {
                    known.package == Some(self.package) && matches!(known.kind, Kind::File(_))
                });
                if !is_own {
                    return Err(Error::malformed(format!(
                        "{} is a hard link to {}, which is no file of this package",
                        shown(&path),
                        shown(target)
                    )));
                }
                tree.put_link(&path, node)
            }
            _ => tree.put_link(&path, node),
        }
    }

    fn node(&self, header: &Header) -> Result<Node> {
        let kind = match header.kind {
            tarball::Kind::Dir => Kind::Dir,
            tarball::Kind::File => Kind::File(0),
            tarball::Kind::Symlink => Kind::Symlink(header.link.clone()),
            tarball::Kind::Hardlink => Kind::Hardlink(
                canonical(&header.link)?
                    .ok_or_else(|| Error::malformed("a hard link to the root"))?,
            ),
            _ => {
                let name = String::from_utf8_lossy(&header.name).into_owned();
                return Err(Error::malformed(format!(
                    "{name} is no file, folder or link"
                )));
            }
        };
        let number = |number: i64| u32::try_from(number).ok();
        let fields = (number(header.mode), number(header.uid), number(header.gid));
        let (Some(mode), Some(uid), Some(gid)) = fields else {
            return Err(Error::malformed("an owner or a mode is out of range"));
        };
        Ok(Node {
            kind,
            mode: mode & 0o7777,
            uid,
            gid,
            package: Some(self.package),
        })
    }
}

fn taken(path: &[u8]) -> Error {
    Error::malformed(format!("something else is at {} already", shown(path)))
}

/// Folders at the root that are links into `usr`.
const MERGED: [&[u8]; 4] = [b"bin", b"lib", b"lib64", b"sbin"];

/// A path of a package as it is in a merged `/usr`; `None` is the root itself.
///
/// Fails for absolute paths and those with `..`.
fn canonical(name: &[u8]) -> Result<Option<Vec<u8>>> {
    let refuse = || {
        let name = String::from_utf8_lossy(name).into_owned();
        Error::malformed(format!("the path {name:?} leaves the package"))
    };
    if name.starts_with(b"/") || name.contains(&0) {
        return Err(refuse());
    }
    let parts: Vec<&[u8]> = name
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    if parts.contains(&&b".."[..]) {
        return Err(refuse());
    }
    let path = parts.join(&b'/');
    Ok(match parts.first() {
        None => None,
        Some(first) if MERGED.contains(first) && parts.len() > 1 => {
            Some([&b"usr/"[..], &path].concat())
        }
        Some(_) => Some(path),
    })
}

/// Packages of a lock in the order they are unpacked: what everything lies in first, then by name.
pub(crate) fn order(packages: &BTreeMap<String, Pin>) -> Vec<(&str, &Pin)> {
    let mut order: Vec<(&str, &Pin)> = packages
        .iter()
        .map(|(name, pin)| (name.as_str(), pin))
        .collect();
    order.sort_by_key(|(name, _)| (*name != "base-files", *name));
    order
}
