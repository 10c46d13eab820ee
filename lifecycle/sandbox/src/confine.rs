//! The last steps before a program starts, in the order in which each is still allowed.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{chdir, setsid, umask};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::error::Context;
use crate::landlock::{self, Writable};
use crate::request::Streams;
use crate::{Command, Error, ErrorKind, Limits, Result, seccomp, sys};

/// What a program gets of its surroundings.
pub(crate) struct Program<'a> {
    pub(crate) command: &'a Command,
    pub(crate) streams: Streams,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) fence: Option<Fence<'a>>,
}

/// What an untrusted program is held back by; our own agent has none.
pub(crate) struct Fence<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) writable: Writable,
}

impl Program<'_> {
    /// Turns this process into the program; returns only if that failed.
    pub(crate) fn exec(self) -> Error {
        self.prepare().map_or_else(|error| error, Ready::exec)
    }

    fn prepare(mut self) -> Result<Ready> {
        let command = self.command;
        let mut ready = Ready::new(command)?;
        setsid().doing("starting a session")?;
        // Refused by container engines' filters; ours refuses the calls that would use it.
        let _ = sys::new_session_keyring();
        umask(Mode::from_raw_mode(0o022));
        chdir(&command.dir).map_err(|cause| {
            let doing = format!("entering {} in the sandbox", command.dir.display());
            Error::new(ErrorKind::Missing, doing).caused(std::io::Error::from(cause))
        })?;
        connect(self.streams, &mut self.descriptors)?;
        let beyond = if self.streams == Streams::OutputAndEvents {
            4
        } else {
            3
        };
        sys::close_on_exec_from(beyond).doing("closing descriptors")?;
        sys::reset_signals().doing("resetting signals")?;
        if let Some(fence) = self.fence {
            fence.limits.apply()?;
            set_no_new_privs(true).doing("setting no_new_privs")?;
            landlock::restrict(&fence.writable)?;
            seccomp::restrict()?;
        } else {
            ignore_termination()?;
        }
        // Dropped, they would close what now are the program's own descriptors.
        ready.descriptors = self.descriptors;
        Ok(ready)
    }
}

/// The arguments of execve, made before any filter holds.
struct Ready {
    program: CString,
    argv: Vec<CString>,
    envp: Vec<CString>,
    descriptors: Vec<OwnedFd>,
}

impl Ready {
    fn new(command: &Command) -> Result<Ready> {
        let c_string = |name: &OsStr| {
            CString::new(name.as_bytes()).map_err(|cause| {
                Error::new(ErrorKind::Other, "passing a string with a null byte").caused(cause)
            })
        };
        let program = c_string(command.program.as_os_str())?;
        let args = command.args.iter().map(|arg| c_string(arg));
        let env = command.env.iter().map(|(key, value)| {
            let pair = [key.as_os_str(), value.as_os_str()].join(OsStr::new("="));
            c_string(&pair)
        });
        Ok(Ready {
            argv: std::iter::once(Ok(program.clone()))
                .chain(args)
                .collect::<Result<_>>()?,
            envp: env.collect::<Result<_>>()?,
            descriptors: Vec::new(),
            program,
        })
    }

    fn exec(self) -> Error {
        let cause = sys::execve(&self.program, &self.argv, &self.envp);
        let errno = cause.raw_os_error().unwrap_or(0);
        let doing = format!("starting {}", self.program.to_string_lossy());
        Error::new(ErrorKind::Exec { errno }, doing).caused(cause)
    }
}

/// A terminator that reaches everything in the sandbox is for the buildpacks; the agent sees how they end.
fn ignore_termination() -> Result<()> {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        sys::ignore(signal).doing("ignoring a signal")?;
    }
    Ok(())
}

/// Puts the program's streams where it expects them.
pub(crate) fn connect(streams: Streams, descriptors: &mut Vec<OwnedFd>) -> Result<()> {
    if streams != Streams::All {
        let nothing = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        descriptors.insert(0, nothing.doing("opening /dev/null")?);
    }
    let doing = "connecting the program's streams";
    let [stdin, stdout, stderr, events @ ..] = descriptors.as_slice() else {
        return Err(Error::new(ErrorKind::Other, doing).caused(std::io::Error::from(Errno::BADF)));
    };
    dup2_stdin(stdin)
        .and_then(|()| dup2_stdout(stdout))
        .and_then(|()| dup2_stderr(stderr))
        .doing(doing)?;
    let events = events.first().map(AsFd::as_fd);
    events.map_or(Ok(()), sys::duplicate_to_3).doing(doing)
}

/// No capability now, and none by starting a program of uid 0 or one with file capabilities.
pub(crate) fn give_up_capabilities() -> Result<()> {
    let doing = "giving up capabilities";
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // Newer than this kernel.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(cause) => return Err(cause).doing(doing),
        }
    }
    clear_ambient_capability_set().doing(doing)?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, sets).doing(doing)
}
