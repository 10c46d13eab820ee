//! The root of a sandbox: an overlay of layer folders with the scaffold on top, made the root of everything.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, open, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount,
    mount_change, move_mount, unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};

use crate::Result;
use crate::error::Context;
use crate::mounts::{self, Rights};
use crate::obstacle::Need;
use crate::scaffold::Scaffold;
use crate::sources::{self, Layers, Scratch};

/// Holds the layers under short names while the root is put together; gone once the root is entered.
///
/// It is the working folder: overlay takes names, and its list of names must fit one page on old kernels.
pub(crate) struct Staging {
    scaffold: OwnedFd,
}

impl Staging {
    /// Covers a folder of the host in this mount namespace, which from then on shares nothing with the host's.
    pub(crate) fn enter() -> Result<Staging> {
        let refused = |cause: Errno| Need::Mounts.refused("mounting a folder in memory", cause);
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .map_err(refused)?;
        let memory = mounts::new("tmpfs", &[("mode", "0755")], Rights::Write).map_err(refused)?;
        attach_somewhere(memory.as_fd()).map_err(refused)?;
        fchdir(&memory).doing("entering a folder in memory")?;
        let doing = "making the scaffold";
        mkdirat(CWD, "scaffold", Mode::from_raw_mode(0o755)).doing(doing)?;
        Ok(Staging {
            scaffold: open("scaffold", folder(), Mode::empty()).doing(doing)?,
        })
    }

    /// Mounts the root of `sandbox` with what `furnish` puts on the scaffold, not yet entered.
    pub(crate) fn root(
        self,
        layers: &Layers,
        furnish: impl FnOnce(&Scaffold<'_>) -> Result<()>,
    ) -> Result<OwnedFd> {
        let mut lower = stage_lower(&layers.lower)?;
        let merged;
        let plain = if let [only] = layers.lower.as_slice() {
            only.as_fd()
        } else {
            merged = overlay(&lower, Changes::Refused)?;
            merged.as_fd()
        };
        furnish(&Scaffold {
            plain,
            dir: self.scaffold,
        })?;
        lower.insert(0, "scaffold".to_owned());
        let root = overlay(&lower, changes(layers)?)?;
        stage(root.as_fd(), "root")?;
        Ok(root)
    }

    /// The layers alone, read-only and not attached anywhere; the folder of the host that was covered can be seen again.
    pub(crate) fn view(self, layers: &[OwnedFd]) -> Result<OwnedFd> {
        let mut lower = stage_lower(layers)?;
        // An overlay without an upper folder has at least two lower ones.
        lower.insert(0, "scaffold".to_owned());
        let root = overlay(&lower, Changes::Refused)?;
        let doing = "leaving the folder in memory";
        drop(self.scaffold);
        unmount(".", UnmountFlags::DETACH).doing(doing)?;
        chdir("/").doing(doing)?;
        Ok(root)
    }
}

/// Mounts layers for the mount with that number; the working folder is a [`Staging`] whose root is not entered yet.
pub(crate) fn overlay_for(number: usize, layers: &Layers) -> Result<OwnedFd> {
    let doing = "staging the layers of a mount";
    // A folder of its own, since the names in it are always the same.
    let own = format!("mount-{number}");
    mkdirat(CWD, &own, Mode::from_raw_mode(0o755)).doing(doing)?;
    chdir(own.as_str()).doing(doing)?;
    let mounted = overlay(&stage_lower(&layers.lower)?, changes(layers)?)?;
    chdir("..").doing(doing)?;
    Ok(mounted)
}

/// Whether an overlay can be mounted here at all; the working folder is a [`Staging`].
pub(crate) fn try_overlay() -> Result<()> {
    mkdirat(CWD, "0", Mode::from_raw_mode(0o755)).doing("making a folder")?;
    overlay(&["scaffold".to_owned(), "0".to_owned()], Changes::Refused).map(drop)
}

/// Makes `root` the root of this process and lets go of the host's.
pub(crate) fn enter(root: BorrowedFd<'_>) -> Result<()> {
    let doing = "entering the sandbox's root";
    fchdir(root).doing(doing)?;
    // Both names the same: the old root ends up on top of the new one and is taken away from there.
    pivot_root(".", ".").doing(doing)?;
    unmount(".", UnmountFlags::DETACH).doing(doing)?;
    chdir("/").doing(doing)
}

fn attach_somewhere(memory: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    let mut last = Errno::NOENT;
    for place in ["/tmp", "/run", "/mnt", "/dev"] {
        match move_mount(memory, "", CWD, place, flags) {
            Ok(()) => return Ok(()),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

fn stage_lower(layers: &[OwnedFd]) -> Result<Vec<String>> {
    let named = layers.iter().enumerate().map(|(number, layer)| {
        let name = number.to_string();
        stage(layer.as_fd(), &name).map(|()| name)
    });
    named.collect()
}

fn stage(tree: BorrowedFd<'_>, name: &str) -> Result<()> {
    let doing = || format!("staging {name}");
    mkdirat(CWD, name, Mode::from_raw_mode(0o755)).doing(doing())?;
    let place = openat(CWD, name, folder() | OFlags::PATH, Mode::empty()).doing(doing())?;
    mounts::attach_to(tree, place.as_fd()).doing(doing())
}

fn changes(layers: &Layers) -> Result<Changes> {
    let scratch = layers.scratch.as_ref();
    scratch.map_or(Ok(Changes::Refused), stage_scratch)
}

/// Gives the two folders that take changes short names: `upper` and `work`.
fn stage_scratch(scratch: &Scratch) -> Result<Changes> {
    stage(scratch.tree.as_fd(), "scratch")?;
    for (name, beneath) in [("upper", &scratch.upper), ("work", &scratch.work)] {
        let target = Path::new("scratch").join(beneath);
        symlinkat(target, CWD, name).doing(format!("staging {name}"))?;
    }
    Ok(Changes::Kept)
}

/// Whether an overlay can be written: into the folders staged as `upper` and `work`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Changes {
    Refused,
    Kept,
}

/// Folders seen through one another, topmost first, not attached anywhere.
fn overlay(lower: &[String], changes: Changes) -> Result<OwnedFd> {
    let refused = |cause| Need::Overlay.refused("mounting the overlay of layers", cause);
    match overlay_by_layer(lower, changes) {
        // Linux before 6.5 has no `lowerdir+`.
        Err(Errno::INVAL) => overlay_by_string(lower, changes),
        done => done.map_err(refused),
    }
}

fn overlay_by_layer(lower: &[String], changes: Changes) -> rustix::io::Result<OwnedFd> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for layer in lower {
        fsconfig_set_string(&context, "lowerdir+", layer.as_str())?;
    }
    let mut rights = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    if changes == Changes::Kept {
        fsconfig_set_string(&context, "upperdir", "upper")?;
        fsconfig_set_string(&context, "workdir", "work")?;
        // What a crash of the machine leaves in `upper` is of no interest to anyone.
        fsconfig_set_flag(&context, "volatile")?;
        // All changes are in `upper` then, none in an index in `work`; some distributions switch it on.
        fsconfig_set_string(&context, "index", "off")?;
    } else {
        rights |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    fsconfig_set_flag(&context, "userxattr")?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, rights)
}

/// The same with the older call, which takes all layers in one string of at most a page.
fn overlay_by_string(lower: &[String], changes: Changes) -> Result<OwnedFd> {
    let refused = |cause| Need::Overlay.refused("mounting the overlay of layers", cause);
    let mut options = format!("userxattr,lowerdir={}", lower.join(":"));
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    if changes == Changes::Kept {
        options.push_str(",volatile,index=off,upperdir=upper,workdir=work");
    } else {
        flags |= MountFlags::RDONLY;
    }
    let options = CString::new(options).map_err(|_| refused(Errno::INVAL))?;
    let place = format!("overlay-{}", lower.len());
    mkdirat(CWD, &place, Mode::from_raw_mode(0o755)).map_err(refused)?;
    mount(
        "overlay",
        &place,
        "overlay",
        flags,
        Some(options.as_c_str()),
    )
    .map_err(refused)?;
    sources::tree(Path::new(&place))
}

fn folder() -> OFlags {
    OFlags::DIRECTORY | OFlags::CLOEXEC
}
