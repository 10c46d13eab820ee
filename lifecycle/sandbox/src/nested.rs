//! One buildpack in a sandbox of its own, inside the agent's.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::thread::UnshareFlags;

use crate::confine::{Fence, Program};
use crate::control::Control;
use crate::error::Context;
use crate::landlock::{ALWAYS_WRITABLE, Writable};
use crate::mounts::{self, Rights};
use crate::reaper::{self, Audience};
use crate::request::{Request, Streams};
use crate::running::{self, Pipes};
use crate::userns::Ids;
use crate::{Command, Exit, Limits, Result, Stream, inner, kernel, sources, sys};

/// How one buildpack's surroundings differ from the agent's.
///
/// It always has its own processes, a fresh `/proc`, no capabilities, no new privileges, no user namespaces,
/// Landlock and seccomp. Nothing can be mounted or unmounted by it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Nested {
    pub uid: u32,
    pub gid: u32,
    /// Folders and files whose mount becomes read-only, such as `/layers`; absolute, existing.
    #[serde(with = "crate::bytes")]
    pub read_only: Vec<PathBuf>,
    /// Everything it may write to, besides `/tmp`, `/var/tmp`, `/run`, `/dev` and `/proc`: its own layers
    /// folder, HOME, at build the application. Also exceptions beneath `read_only`; absolute, existing.
    #[serde(with = "crate::bytes")]
    pub writable: Vec<PathBuf>,
    /// Mounts, folders or files of the agent that are not there any more or empty, such as `/slipway`;
    /// absolute, existing.
    #[serde(with = "crate::bytes")]
    pub hidden: Vec<PathBuf>,
    pub limits: Limits,
}

/// Runs a program to its end and kills whatever it leaves behind.
///
/// `output` gets every piece as it comes, from two threads, one per stream. Several may run at the same time.
/// Callable in a [`crate::Stage::Agent`] sandbox only.
pub fn run(
    nested: &Nested,
    command: &Command,
    output: &(dyn Fn(Stream, &[u8]) + Sync),
) -> Result<Exit> {
    let request = Request::Nested {
        nested: nested.clone(),
        command: command.clone(),
    };
    let mut running = running::start(&request, Some(Pipes::new(false)?))?;
    let streams = [
        (Stream::Stdout, running.stdout.take()),
        (Stream::Stderr, running.stderr.take()),
    ];
    std::thread::scope(|scope| {
        for (stream, pipe) in streams {
            scope.spawn(move || pipe.map(|pipe| pump(pipe, &|bytes| output(stream, bytes))));
        }
    });
    running.wait(None)
}

fn pump(mut pipe: impl Read, output: &dyn Fn(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        output(buffer.get(..length).unwrap_or_default());
    }
}

/// The helper's side of [`run`]: uid 0 of the agent's user namespace, with its capabilities.
pub(crate) fn run_in_helper(
    control: &Control,
    nested: &Nested,
    command: &Command,
    descriptors: Vec<OwnedFd>,
) -> Result<()> {
    let own = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC;
    sys::unshare(own).doing("separating a buildpack's processes and mounts")?;
    reaper::as_process_1(control, descriptors, |descriptors| {
        kernel::replace_proc()?;
        narrow(nested)?;
        inner::enter(Ids {
            uid: nested.uid,
            gid: nested.gid,
        })?;
        let always = ALWAYS_WRITABLE.into_iter().map(PathBuf::from);
        let writable = Writable::Only(always.chain(nested.writable.clone()).collect());
        let fence = Some(Fence {
            limits: &nested.limits,
            writable,
        });
        let program = Program {
            command,
            streams: Streams::Output,
            descriptors,
            fence,
        };
        reaper::supervise(control, Audience::Program, || program.exec())
    })
}

/// Hides and write-protects what the buildpack has no business with.
fn narrow(nested: &Nested) -> Result<()> {
    let exceptions: Vec<(&PathBuf, OwnedFd)> = nested
        .writable
        .iter()
        .filter(|path| {
            nested
                .read_only
                .iter()
                .any(|parent| path.starts_with(parent))
        })
        .map(|path| sources::tree(path).map(|tree| (path, tree)))
        .collect::<Result<_>>()?;
    for path in &nested.read_only {
        let tree = sources::tree(path)?;
        mounts::narrow(tree.as_fd(), Rights::Read)?;
        cover(path, &tree)?;
    }
    for (path, tree) in exceptions {
        cover(path, &tree)?;
    }
    nested.hidden.iter().try_for_each(|path| hide(path))
}

/// Takes a mount away; covers what is none with nothing.
fn hide(path: &Path) -> Result<()> {
    let doing = || format!("hiding {}", path.display());
    match unmount(path, UnmountFlags::DETACH) {
        Err(Errno::INVAL) => {
            let place = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
            kernel::cover_with_nothing(place.doing(doing())?.as_fd()).doing(doing())
        }
        done => done.doing(doing()),
    }
}

fn cover(path: &Path, tree: &OwnedFd) -> Result<()> {
    let doing = || format!("mounting {}", path.display());
    let place = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).doing(doing())?;
    mounts::attach_to(tree.as_fd(), place.as_fd()).doing(doing())
}
