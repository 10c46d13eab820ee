//! The sandbox of one phase or program, from the helper's first step to the program's start.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use rustix::thread::UnshareFlags;

use crate::confine::{Fence, Program};
use crate::control::Control;
use crate::error::Context;
use crate::kernel::OfHost;
use crate::landlock::{ALWAYS_WRITABLE, Writable};
use crate::mounts::{self, Rights};
use crate::reaper::{self, Audience};
use crate::request::Streams;
use crate::rootfs::{self, Staging};
use crate::sources::{self, Source, Sources};
use crate::userns::{self, Ids};
use crate::{Command, From, HostId, Mount, Result, Root, Sandbox, Stage, inner, kernel};

/// Memory that a read-only root has in these places, unless the request has something there.
const MEMORY: [&str; 3] = ["/tmp", "/var/tmp", "/run"];

/// Runs one program in a sandbox; everything in it is dead on return.
pub(crate) fn run(
    control: &Control,
    mut sandbox: Sandbox,
    host: HostId,
    command: &Command,
    streams: Streams,
    descriptors: Vec<OwnedFd>,
) -> Result<()> {
    add_memory(&mut sandbox);
    let opened = if geteuid().is_root() {
        open_as_root(&mut sandbox, host)?
    } else {
        None
    };
    userns::become_host_id(host)?;
    let namespaces = UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | sandbox.network.namespace();
    let outside = Ids {
        uid: host.uid,
        gid: host.gid,
    };
    userns::enter(namespaces, Ids { uid: 0, gid: 0 }, outside)?;
    reaper::as_process_1(control, (opened, descriptors), |(opened, descriptors)| {
        let sources = opened.map_or_else(|| Sources::open(&sandbox), Ok)?;
        enter_root(&sandbox, &sources)?;
        drop(sources);
        match sandbox.stage {
            Stage::Agent => {
                let program = Program {
                    command,
                    streams,
                    descriptors,
                    fence: None,
                };
                reaper::supervise(control, Audience::Everyone, || program.exec())
            }
            Stage::Payload => {
                let payload = Ids {
                    uid: sandbox.uid,
                    gid: sandbox.gid,
                };
                inner::enter(payload)?;
                let fence = Fence {
                    limits: &sandbox.limits,
                    writable: writable(&sandbox),
                };
                let program = Program {
                    command,
                    streams,
                    descriptors,
                    fence: Some(fence),
                };
                reaper::supervise(control, Audience::Program, || program.exec())
            }
        }
    })
}

/// Root takes hold of everything before it gives itself up. `None` where it may not copy mounts.
fn open_as_root(sandbox: &mut Sandbox, host: HostId) -> Result<Option<Sources>> {
    match Sources::open(sandbox) {
        Ok(sources) => Ok(Some(sources)),
        Err(error) if error.errno() == Some(libc::EPERM) => {
            *sandbox = sources::anchored(sandbox, host)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn add_memory(sandbox: &mut Sandbox) {
    let size_bytes = sandbox.limits.tmp_bytes;
    let wanted = match sandbox.root {
        Root::ReadOnly { .. } => MEMORY.as_slice(),
        Root::Scratch { .. } => &[],
    };
    let missing = wanted
        .iter()
        .filter(|at| !sandbox.mounts.iter().any(|mount| mount.at == Path::new(at)));
    let memory = missing.map(|at| Mount {
        from: From::Tmpfs { size_bytes },
        at: PathBuf::from(at),
        writable: true,
    });
    sandbox.mounts = memory.chain(sandbox.mounts.clone()).collect();
}

/// Puts the root together and enters it; what follows sees nothing of the host.
fn enter_root(sandbox: &Sandbox, sources: &Sources) -> Result<()> {
    sandbox.network.prepare(&sandbox.hostname)?;
    let of_host = OfHost::open()?;
    // Before the host's /proc is left: the kernel wants to see one that is not covered.
    let proc = kernel::proc()?;
    let root = Staging::enter()?.root(&sources.root, |scaffold| {
        for at in ["/proc", "/sys", "/dev"] {
            scaffold.mount_point(Path::new(at), true)?;
        }
        sandbox.network.describe(&sandbox.hostname, scaffold)?;
        for (mount, source) in sandbox.mounts.iter().zip(&sources.mounts) {
            if !within_another(&mount.at, &sandbox.mounts) {
                scaffold.mount_point(&mount.at, is_folder(source)?)?;
            }
        }
        Ok(())
    })?;
    mounts::attach(proc.as_fd(), root.as_fd(), Path::new("/proc"))?;
    kernel::mount_sys(root.as_fd(), &of_host)?;
    kernel::mount_dev(root.as_fd(), &of_host, sandbox.limits.tmp_bytes)?;
    for (number, (mount, source)) in sandbox.mounts.iter().zip(&sources.mounts).enumerate() {
        let made;
        let tree = match source {
            Source::Tree(tree) => tree,
            Source::Memory { size_bytes } => {
                made = mounts::tmpfs(*size_bytes)?;
                &made
            }
            Source::Layers(layers) => {
                made = rootfs::overlay_for(number, layers)?;
                &made
            }
        };
        mount_one(mount, tree.as_fd(), root.as_fd())?;
    }
    rootfs::enter(root.as_fd())
}

fn within_another(at: &Path, mounts: &[Mount]) -> bool {
    let own = ["/proc", "/sys", "/dev"].map(Path::new);
    own.into_iter()
        .chain(mounts.iter().map(|mount| mount.at.as_path()))
        .any(|other| other != at && at.starts_with(other))
}

fn is_folder(source: &Source) -> Result<bool> {
    match source {
        Source::Tree(tree) => mounts::is_dir(tree.as_fd()).doing("looking at a mount's source"),
        Source::Memory { .. } | Source::Layers(_) => Ok(true),
    }
}

fn mount_one(mount: &Mount, tree: BorrowedFd<'_>, root: BorrowedFd<'_>) -> Result<()> {
    mounts::narrow(
        tree,
        if mount.writable {
            Rights::Write
        } else {
            Rights::Read
        },
    )?;
    mounts::attach(tree, root, &mount.at)
}

fn writable(sandbox: &Sandbox) -> Writable {
    if matches!(sandbox.root, Root::Scratch { .. }) {
        return Writable::Anywhere;
    }
    let of_request = sandbox
        .mounts
        .iter()
        .filter(|mount| mount.writable)
        .map(|mount| mount.at.clone());
    Writable::Only(
        ALWAYS_WRITABLE
            .into_iter()
            .map(PathBuf::from)
            .chain(of_request)
            .collect(),
    )
}
