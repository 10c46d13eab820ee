//! What a sandbox shows of the host, taken hold of before anything is covered and before root is given up.
//!
//! Every folder becomes a detached copy of its mount, so that later steps need no path: neither through a
//! 0700 home that the unprivileged id may not search, nor past something mounted over it.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{Gid, Uid, chdir};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use crate::error::Context;
use crate::obstacle::Need;
use crate::{Error, ErrorKind, From, HostId, Result, Root, Sandbox, sys};

/// Detached mounts, in the order of the request.
pub(crate) struct Sources {
    pub(crate) root: Layers,
    /// One per mount.
    pub(crate) mounts: Vec<Source>,
}

/// Where one mount comes from.
pub(crate) enum Source {
    Tree(OwnedFd),
    Memory { size_bytes: u64 },
    Layers(Layers),
}

/// Folders to be seen through one another, topmost first.
pub(crate) struct Layers {
    pub(crate) lower: Vec<OwnedFd>,
    /// Takes the changes, if there may be any.
    pub(crate) scratch: Option<Scratch>,
}

/// The folder that holds both `upper` and `work`: overlay wants them in one mount.
pub(crate) struct Scratch {
    pub(crate) tree: OwnedFd,
    pub(crate) upper: PathBuf,
    pub(crate) work: PathBuf,
}

impl Sources {
    pub(crate) fn open(sandbox: &Sandbox) -> Result<Sources> {
        let root = match &sandbox.root {
            Root::ReadOnly { lower } => Layers::open(lower, None)?,
            Root::Scratch { lower, upper, work } => Layers::open(lower, Some([upper, work]))?,
        };
        let mounts = sandbox.mounts.iter().map(|mount| match &mount.from {
            From::Bind(path) => tree(path).map(Source::Tree),
            From::Tmpfs { size_bytes } => Ok(Source::Memory {
                size_bytes: *size_bytes,
            }),
            From::Overlay { lower, upper, work } => {
                Layers::open(lower, Some([upper, work])).map(Source::Layers)
            }
        });
        Ok(Sources {
            root,
            mounts: mounts.collect::<Result<_>>()?,
        })
    }
}

impl Layers {
    /// `changes` are the folders `upper` and `work`.
    fn open(lower: &[PathBuf], changes: Option<[&PathBuf; 2]>) -> Result<Layers> {
        let lower = lower.iter().map(|path| tree(path));
        Ok(Layers {
            lower: lower.collect::<Result<_>>()?,
            scratch: changes.map(Scratch::open).transpose()?,
        })
    }
}

impl Scratch {
    fn open([upper, work]: [&PathBuf; 2]) -> Result<Scratch> {
        let parent = common_ancestor([upper, work]);
        let beneath = |path: &Path| path.strip_prefix(&parent).unwrap_or(path).to_owned();
        Ok(Scratch {
            tree: tree(&parent)?,
            upper: beneath(upper),
            work: beneath(work),
        })
    }
}

/// A detached copy of the mount at `path` with everything mounted below it.
pub(crate) fn tree(path: &Path) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let name = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let doing = format!("opening {} for the sandbox", path.display());
    let tree = open_tree(CWD, name, flags).map_err(|cause| match cause {
        Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP => {
            Error::new(ErrorKind::Missing, &doing).caused(std::io::Error::from(cause))
        }
        _ => Need::Mounts.refused(&doing, cause),
    })?;
    // A copy of a shared mount is shared: what is mounted in the sandbox would appear on the host.
    sys::mount_setattr(tree.as_fd(), 0).map_err(|cause| Need::Mounts.refused(&doing, cause))?;
    Ok(tree)
}

/// For root that may not copy mounts yet (no CAP_SYS_ADMIN, as in a podman container): goes to the folder
/// above everything that the unprivileged id cannot reach, and names what lies there relative to it.
///
/// The working folder is the only place that a process takes along into a new mount namespace without a path.
pub(crate) fn anchored(sandbox: &Sandbox, host: HostId) -> Result<Sandbox> {
    let out_of_reach = unreachable(sandbox, host)?;
    let mut anchored = sandbox.clone();
    if out_of_reach.is_empty() {
        return Ok(anchored);
    }
    let anchor = common_ancestor(&out_of_reach);
    chdir(&anchor).doing(format!("entering {}", anchor.display()))?;
    each_path(&mut anchored, &mut |path| {
        if let Ok(beneath) = path.strip_prefix(&anchor) {
            *path = beneath.to_owned();
        }
    });
    Ok(anchored)
}

fn unreachable(sandbox: &Sandbox, host: HostId) -> Result<HashSet<PathBuf>> {
    let (root_uid, root_gid) = (Uid::ROOT, Gid::ROOT);
    let doing = "looking at folders as the unprivileged id";
    set_thread_res_gid(None, Gid::from_raw(host.gid), None).doing(doing)?;
    set_thread_res_uid(None, Uid::from_raw(host.uid), None).doing(doing)?;
    let mut found = HashSet::new();
    each_path(&mut sandbox.clone(), &mut |path| {
        // std looks at a file with the effective user's rights.
        if path.symlink_metadata().is_err() {
            found.insert(path.clone());
        }
    });
    set_thread_res_uid(None, root_uid, None).doing(doing)?;
    set_thread_res_gid(None, root_gid, None).doing(doing)?;
    Ok(found)
}

/// Every name of something on the host.
pub(crate) fn each_path(sandbox: &mut Sandbox, visit: &mut dyn FnMut(&mut PathBuf)) {
    match &mut sandbox.root {
        Root::ReadOnly { lower } => lower.iter_mut().for_each(&mut *visit),
        Root::Scratch { lower, upper, work } => {
            lower.iter_mut().chain([upper, work]).for_each(&mut *visit);
        }
    }
    for mount in &mut sandbox.mounts {
        match &mut mount.from {
            From::Bind(path) => visit(path),
            From::Overlay { lower, upper, work } => {
                lower.iter_mut().chain([upper, work]).for_each(&mut *visit);
            }
            From::Tmpfs { .. } => {}
        }
    }
}

/// The deepest folder that all paths lie in.
fn common_ancestor<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> PathBuf {
    let mut paths = paths.into_iter();
    let mut common = paths
        .next()
        .and_then(|path| path.parent())
        .unwrap_or(Path::new(""))
        .to_owned();
    for path in paths {
        while !path
            .parent()
            .is_some_and(|parent| parent.starts_with(&common))
            && common.pop()
        {}
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_ancestor_is_a_folder_of_all() {
        let check = |paths: &[&str], expected: &str| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            assert_eq!(common_ancestor(&paths), Path::new(expected));
        };
        check(&["/a/b/c"], "/a/b");
        check(&["/a/b/up", "/a/b/work"], "/a/b");
        check(&["/a/b/up", "/a/work"], "/a");
        check(&["/a/b", "/a/b/c"], "/a");
        check(&["/a", "/b"], "/");
    }
}
