//! `/proc`, `/sys` and `/dev` of a sandbox: as much as programs expect, and no more.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, open, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount};

use crate::Result;
use crate::error::Context;
use crate::mounts::{self, Rights};
use crate::obstacle::Need;

/// Entries of `/proc` that tell about the host; the list is docker's.
const PROC_HIDDEN: [&str; 10] = [
    "acpi",
    "asound",
    "kcore",
    "keys",
    "latency_stats",
    "timer_list",
    "timer_stats",
    "sched_debug",
    "scsi",
    "interrupts",
];
/// Entries of `/proc` with settings of the host; the list is docker's.
const PROC_READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
/// What programs look up under `/sys`: how many CPUs, how much memory.
const SYS_SHOWN: [&str; 3] = [
    "devices/system/cpu",
    "fs/cgroup",
    "kernel/mm/transparent_hugepage",
];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Device nodes and shown parts of `/sys`, taken from the host before its root is left.
pub(crate) struct OfHost {
    devices: Vec<(&'static str, OwnedFd)>,
    sys: Vec<(&'static str, OwnedFd)>,
}

impl OfHost {
    /// What the host lacks is left out, except `/dev/null`.
    pub(crate) fn open() -> Result<OfHost> {
        let devices = pick("/dev", &DEVICES, Rights::Device)?;
        if !devices.iter().any(|(name, _)| *name == "null") {
            return Err(Need::Mounts.refused("copying /dev/null", Errno::NOENT));
        }
        Ok(OfHost {
            devices,
            sys: pick("/sys", &SYS_SHOWN, Rights::Read)?,
        })
    }
}

fn pick(
    folder: &str,
    names: &[&'static str],
    rights: Rights,
) -> Result<Vec<(&'static str, OwnedFd)>> {
    let mut picked = Vec::new();
    for name in names {
        if let Ok(tree) = copy(CWD, &Path::new(folder).join(name)) {
            mounts::narrow(tree.as_fd(), rights)?;
            picked.push((*name, tree));
        }
    }
    Ok(picked)
}

fn copy(dir: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(dir, path, flags)
}

/// A `/proc` of this process's pid namespace; refused where the one of the outside is covered in parts.
pub(crate) fn proc() -> Result<OwnedFd> {
    mounts::new("proc", &[], Rights::Write)
        .map_err(|cause| Need::Proc.refused("mounting a fresh /proc", cause))
}

/// Hides what `/proc` tells about the host and makes its settings read-only.
pub(crate) fn mask_proc() -> Result<()> {
    let doing = "masking /proc";
    let proc = open("/proc", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).doing(doing)?;
    for name in PROC_READ_ONLY {
        let Ok(tree) = copy(proc.as_fd(), Path::new(name)) else {
            continue;
        };
        mounts::narrow(tree.as_fd(), Rights::Read)?;
        cover(proc.as_fd(), name, tree.as_fd()).doing(doing)?;
    }
    for name in PROC_HIDDEN {
        let Ok(place) = openat(&proc, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
            continue;
        };
        cover_with_nothing(place.as_fd()).doing(doing)?;
    }
    Ok(())
}

/// Hides a folder below an empty one, and a file below `/dev/null`.
pub(crate) fn cover_with_nothing(place: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let nothing = if mounts::is_dir(place)? {
        mounts::new("tmpfs", &[("mode", "0555")], Rights::Read)?
    } else {
        copy(CWD, Path::new("/dev/null"))?
    };
    mounts::attach_to(nothing.as_fd(), place)
}

fn cover(dir: BorrowedFd<'_>, name: &str, tree: BorrowedFd<'_>) -> rustix::io::Result<()> {
    move_mount(tree, "", dir, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Puts a `/proc` of this pid namespace in place of the one of the sandbox around.
pub(crate) fn replace_proc() -> Result<()> {
    // Made while the old one is there: the kernel wants to see one that is not covered.
    let fresh = proc()?;
    let doing = "replacing /proc";
    unmount("/proc", UnmountFlags::DETACH).doing(doing)?;
    cover(CWD, "/proc", fresh.as_fd()).doing(doing)
}

/// Mounts `/sys` below `root`.
pub(crate) fn mount_sys(root: BorrowedFd<'_>, host: &OfHost) -> Result<()> {
    let doing = "mounting /sys";
    let sys = mounts::new(
        "tmpfs",
        &[("mode", "0755"), ("size", "65536")],
        Rights::Write,
    );
    let sys = sys.doing(doing)?;
    for (name, _) in &host.sys {
        make_folders(sys.as_fd(), Path::new(name)).doing(doing)?;
    }
    mounts::narrow(sys.as_fd(), Rights::Read)?;
    mounts::attach(sys.as_fd(), root, Path::new("/sys"))?;
    for (name, tree) in &host.sys {
        cover(sys.as_fd(), name, tree.as_fd()).doing(doing)?;
    }
    Ok(())
}

fn make_folders(dir: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<()> {
    let mut above: Vec<&Path> = path
        .ancestors()
        .filter(|path| *path != Path::new(""))
        .collect();
    above.reverse();
    for path in above {
        match mkdirat(dir, path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// Mounts `/dev` below `root`, with terminals of its own and `/dev/shm` of the given size.
pub(crate) fn mount_dev(root: BorrowedFd<'_>, host: &OfHost, shm_bytes: u64) -> Result<()> {
    let doing = "mounting /dev";
    let dev = mounts::new(
        "tmpfs",
        &[("mode", "0755"), ("size", "65536")],
        Rights::Write,
    );
    let dev = dev.doing(doing)?;
    for (name, _) in &host.devices {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&dev, *name, flags, Mode::from_raw_mode(0o666)).doing(doing)?;
    }
    for folder in ["pts", "shm"] {
        mkdirat(&dev, folder, Mode::from_raw_mode(0o755)).doing(doing)?;
    }
    for (name, target) in DEVICE_LINKS {
        symlinkat(target, &dev, name).doing(doing)?;
    }
    mounts::narrow(dev.as_fd(), Rights::Read)?;
    mounts::attach(dev.as_fd(), root, Path::new("/dev"))?;
    for (name, node) in &host.devices {
        cover(dev.as_fd(), name, node.as_fd()).doing(doing)?;
    }
    let pts = mounts::new(
        "devpts",
        &[("ptmxmode", "0666"), ("mode", "0620")],
        Rights::Device,
    );
    cover(dev.as_fd(), "pts", pts.doing("mounting /dev/pts")?.as_fd()).doing(doing)?;
    cover(dev.as_fd(), "shm", mounts::tmpfs(shm_bytes)?.as_fd()).doing(doing)
}
