//! The caller's side of a sandbox that runs.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::control::Control;
use crate::error::Context;
use crate::init::STAY;
use crate::request::{Order, Reply, Request, Streams};
use crate::{Command, Error, ErrorKind, Exit, HostId, INIT, Result, Sandbox, sources};

/// Between SIGTERM and the end of everything.
const GRACE: Duration = Duration::from_secs(10);

/// What the program's standard streams are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// No input; stdout and stderr are pipes, read from [`Running`].
    Pipes,
    /// As `Pipes`, and one more pipe for the agent's events: file descriptor 3 inside.
    Agent,
    /// The caller's own three. The program is in a session of its own: it has no controlling terminal, gets no
    /// Ctrl-C (forward it with [`Running::signal`]) and cannot push characters into the terminal.
    Inherit,
}

/// The pipe for events of an agent that was started with [`Io::Agent`]: its file descriptor 3.
///
/// Called in the agent; programs that it starts do not inherit the pipe from then on. Fails if there is none.
pub fn events() -> Result<File> {
    let doing = "taking the events pipe, file descriptor 3";
    let events = File::from(crate::sys::descriptor_3().doing(doing)?);
    if events.metadata().doing(doing)?.file_type().is_fifo() {
        return Ok(events);
    }
    Err(Error::new(
        ErrorKind::Other,
        "using file descriptor 3 for events: it is no pipe",
    ))
}

/// A sandbox with its program running. Dropping it kills everything inside.
#[derive(Debug)]
pub struct Running {
    /// Ends when everything inside is dead, even if a daemon kept the pipe. Take and read it, or the program blocks.
    pub stdout: Option<PipeReader>,
    pub stderr: Option<PipeReader>,
    /// What the agent writes to file descriptor 3.
    pub events: Option<PipeReader>,
    control: Control,
    /// Readable when the helper has ended, and with it everything inside.
    dead: std::os::fd::OwnedFd,
    ending: Mutex<Ending>,
}

#[derive(Debug)]
struct Ending {
    helper: Child,
    exit: Option<Exit>,
}

impl Sandbox {
    /// Starts a program in this sandbox; returns when it runs.
    pub fn start(&self, host: &HostId, command: &Command, io: Io) -> Result<Running> {
        let mut sandbox = self.clone();
        let mut failed = None;
        sources::each_path(
            &mut sandbox,
            &mut |path| match std::path::absolute(&*path) {
                Ok(absolute) => *path = absolute,
                Err(cause) => failed = Some(cause),
            },
        );
        failed
            .map_or(Ok(()), Err)
            .doing("finding the current folder")?;
        let streams = match io {
            Io::Pipes => Streams::Output,
            Io::Agent => Streams::OutputAndEvents,
            Io::Inherit => Streams::All,
        };
        let request = Request::Phase {
            sandbox,
            host: *host,
            command: command.clone(),
            streams,
        };
        match io {
            Io::Pipes => start(&request, Some(Pipes::new(false)?)),
            Io::Agent => start(&request, Some(Pipes::new(true)?)),
            Io::Inherit => start(&request, None),
        }
    }
}

/// Both ends of the program's outputs.
pub(crate) struct Pipes {
    stdout: (PipeReader, PipeWriter),
    stderr: (PipeReader, PipeWriter),
    events: Option<(PipeReader, PipeWriter)>,
}

impl Pipes {
    pub(crate) fn new(events: bool) -> Result<Pipes> {
        let pipe = || std::io::pipe().doing("making a pipe");
        let events = if events { Some(pipe()?) } else { None };
        Ok(Pipes {
            stdout: pipe()?,
            stderr: pipe()?,
            events,
        })
    }
}

/// Starts a helper and returns when the program runs. Without pipes it gets our own streams.
pub(crate) fn start(request: &Request, pipes: Option<Pipes>) -> Result<Running> {
    let doing = "starting the sandbox's helper";
    let (control, helper) = helper(Session::Own, doing)?;
    let id = i32::try_from(helper.id()).ok().and_then(Pid::from_raw);
    let dead = pidfd_open(id.ok_or(Errno::SRCH).doing(doing)?, PidfdFlags::empty()).doing(doing)?;
    let ending = Mutex::new(Ending { helper, exit: None });
    let mut running = Running {
        stdout: None,
        stderr: None,
        events: None,
        control,
        dead,
        ending,
    };
    if let Some(Pipes {
        stdout,
        stderr,
        events,
    }) = pipes
    {
        let given = [Some(&stdout), Some(&stderr), events.as_ref()];
        let given: Vec<_> = given
            .into_iter()
            .flatten()
            .map(|(_, to)| to.as_fd())
            .collect();
        running.control.send_with(request, &given).doing(doing)?;
        running.stdout = Some(stdout.0);
        running.stderr = Some(stderr.0);
        running.events = events.map(|(from, _)| from);
    } else {
        send_with_own_streams(&running.control, request).doing(doing)?;
    }
    match running.control.receive().doing(doing)? {
        Some(Reply::Started) => Ok(running),
        Some(Reply::Failed(failure)) => Err(failure.into()),
        Some(_) | None => Err(Error::new(
            ErrorKind::Other,
            "starting a sandbox, whose helper died",
        )),
    }
}

/// The first message, with our own standard streams beside it.
pub(crate) fn send_with_own_streams(control: &Control, request: &Request) -> std::io::Result<()> {
    let stdin: Stdin = std::io::stdin();
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let own: [BorrowedFd<'_>; 3] = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    control.send_with(request, &own)
}

/// Which session a helper is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Session {
    /// One of its own, which hears nothing of the caller's terminal.
    Own,
    OfCaller,
}

/// Starts `<self> sandbox-init` without any environment.
pub(crate) fn helper(session: Session, doing: &str) -> Result<(Control, Child)> {
    let (control, theirs) = Control::pair().doing(doing)?;
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg0("slipway").arg(INIT).env_clear();
    if session == Session::OfCaller {
        command.arg(STAY);
    }
    command
        .stdin(theirs.into_fd())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok((control, command.spawn().doing(doing)?))
}

impl Running {
    /// Waits until the program has ended and everything it left behind is dead.
    ///
    /// After `timeout` the program gets SIGTERM, 10 s later everything is killed; that is
    /// [`crate::ErrorKind::TimedOut`]. Another thread may call [`Running::signal`] meanwhile.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Exit> {
        if self.died_within(timeout)? {
            return self.end();
        }
        self.terminate()?;
        Err(Error::new(
            ErrorKind::TimedOut,
            "waiting for a program, which took too long",
        ))
    }

    /// SIGTERM, and after 10 s the end of everything inside; returns when it is dead.
    pub fn terminate(&self) -> Result<Exit> {
        self.signal(Signal::TERM.as_raw())?;
        if !self.died_within(Some(GRACE))? {
            self.control.hang_up();
        }
        self.end()
    }

    /// Sends a signal to the program's process group; to an agent's sandbox, to everything in it.
    ///
    /// Does nothing once the program has ended.
    pub fn signal(&self, signal: i32) -> Result<()> {
        match self.control.send(&Order::Signal(signal)) {
            Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent.doing("signalling a program in a sandbox"),
        }
    }

    fn died_within(&self, timeout: Option<Duration>) -> Result<bool> {
        let doing = "waiting for a sandbox";
        let timeout = timeout.map(Timespec::try_from).transpose();
        let timeout = timeout.map_err(|cause| Error::new(ErrorKind::Other, doing).caused(cause))?;
        loop {
            // Interrupted waits start anew: signals are rare, and late is better than never.
            match poll(
                &mut [PollFd::new(&self.dead, PollFlags::IN)],
                timeout.as_ref(),
            ) {
                Err(Errno::INTR) => {}
                ready => return Ok(ready.doing(doing)? > 0),
            }
        }
    }

    /// Buries the helper, which has ended or is about to, and reads its last words.
    fn end(&self) -> Result<Exit> {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(exit) = ending.exit {
            return Ok(exit);
        }
        ending.helper.wait().doing("waiting for a sandbox")?;
        match self
            .control
            .receive()
            .doing("reading how a program ended")?
        {
            Some(Reply::Ended(exit)) => {
                ending.exit = Some(exit);
                Ok(exit)
            }
            Some(Reply::Failed(failure)) => Err(failure.into()),
            Some(_) | None => Err(Error::new(
                ErrorKind::Other,
                "waiting for a sandbox, whose helper died",
            )),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.hang_up();
        let ending = self
            .ending
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to tell.
        let _ = ending.helper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_thread_may_signal_while_one_waits() {
        fn shared<T: Send + Sync>() {}
        shared::<Running>();
    }
}
