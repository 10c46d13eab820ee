//! Layer folders seen as one, by one of the caller's own programs: everything else is the machine as it is.
//!
//! This is no sandbox. The program is the caller's, runs as the caller and may do what the caller may; only the mount is not for
//! the rest of the machine to see, cannot be written, and is gone with the last program that sees it.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getegid, geteuid, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use crate::error::Context;
use crate::obstacle::Need;
use crate::request::{Reply, Request, Streams};
use crate::rootfs::Staging;
use crate::userns::{self, Ids};
use crate::{
    Command, Error, ErrorKind, Exit, Result, bytes, confine, mounts, running, sources, sys,
};

/// Folders seen through one another at a place of this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    /// Unpacked layers, topmost first, at least one.
    #[serde(with = "bytes")]
    pub lower: Vec<PathBuf>,
    /// An absolute folder. What it holds cannot be seen meanwhile, by the program.
    #[serde(with = "bytes")]
    pub at: PathBuf,
}

/// A program that sees a [`View`]. It is in the caller's process group and on the caller's terminal, and gets SIGHUP when the
/// caller dies.
#[derive(Debug)]
pub struct Viewer {
    child: Mutex<Child>,
    id: OwnedFd,
}

impl View {
    /// Starts a program with the caller's three standard streams; returns when it runs.
    ///
    /// Unlike in a sandbox, `command.program` may be a bare name, which is looked for along the `PATH` of `command.env`.
    /// Fails with [`ErrorKind::Exec`] when there is no such program. The thread that calls this lives as long as the program is to.
    pub fn start(&self, command: &Command) -> Result<Viewer> {
        let doing = "starting a program that sees layers";
        let (control, child) = running::helper(running::Session::OfCaller, doing)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let id = pidfd_open(pid.ok_or(Errno::SRCH).doing(doing)?, PidfdFlags::empty());
        let viewer = Viewer {
            child: Mutex::new(child),
            id: id.doing(doing)?,
        };
        let request = Request::View {
            view: self.clone(),
            command: command.clone(),
        };
        running::send_with_own_streams(&control, &request).doing(doing)?;
        // The program's start closes the socket.
        let failed = match control.receive().doing(doing)? {
            None => return Ok(viewer),
            Some(Reply::Failed(failure)) => failure.into(),
            Some(_) => Error::new(ErrorKind::Other, doing),
        };
        // It ends by itself after what it said.
        let _ = viewer.wait();
        Err(failed)
    }
}

impl Viewer {
    /// Waits until the program has ended. Another thread may call [`Viewer::signal`] meanwhile.
    pub fn wait(&self) -> Result<Exit> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let status = child
            .wait()
            .doing("waiting for a program that sees layers")?;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or_default()),
        })
    }

    /// Sends a signal to the program alone; does nothing once it has ended.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let doing = "signalling a program that sees layers";
        let signal = Signal::from_named_raw(signal)
            .ok_or(Errno::INVAL)
            .doing(doing)?;
        match pidfd_send_signal(&self.id, signal) {
            Err(Errno::SRCH) => Ok(()),
            sent => sent.doing(doing),
        }
    }
}

/// The helper's side: returns only if the program did not start.
pub(crate) fn become_program(
    view: &View,
    command: &Command,
    mut descriptors: Vec<OwnedFd>,
) -> Result<()> {
    // Whoever needs the mount is gone: a shell gets the same from its terminal.
    set_parent_process_death_signal(Some(Signal::HUP)).doing("following the caller")?;
    separate_mounts()?;
    show(view)?;
    confine::connect(Streams::All, &mut descriptors)?;
    sys::close_on_exec_from(3).doing("closing descriptors")?;
    sys::reset_signals().doing("resetting signals")?;
    let cause = std::process::Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&command.dir)
        .exec();
    let errno = cause.raw_os_error().unwrap_or(0);
    let doing = format!("starting {}", command.program.display());
    Err(Error::new(ErrorKind::Exec { errno }, doing).caused(cause))
}

/// A mount namespace of our own. Who may not have one gets a user namespace around it, in which everybody is who they were.
fn separate_mounts() -> Result<()> {
    if geteuid().is_root() {
        match sys::unshare(UnshareFlags::NEWNS) {
            Err(cause) if cause.raw_os_error() == Some(libc::EPERM) => {}
            done => return done.doing("separating mounts"),
        }
    }
    let own = Ids {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
    };
    userns::enter(UnshareFlags::NEWNS, own, own)
}

fn show(view: &View) -> Result<()> {
    let doing = || format!("mounting {}", view.at.display());
    // Everything by descriptor, as the staging covers a folder of the machine that they may lie in.
    let lower: Vec<OwnedFd> = view
        .lower
        .iter()
        .map(|path| sources::tree(path))
        .collect::<Result<_>>()?;
    let place = folder(&view.at).doing(doing())?;
    let root = Staging::enter()?.view(&lower)?;
    mounts::attach_to(root.as_fd(), place.as_fd())
        .map_err(|cause| Need::Mounts.refused(&doing(), cause))
}

fn folder(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty())
}
