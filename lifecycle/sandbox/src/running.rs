//! The host's side of a sandbox that runs.

use std::io::PipeReader;
use std::time::Duration;

use crate::{Command, Exit, HostId, Result, Sandbox};

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

/// A sandbox with its program running. Dropping it kills everything inside.
#[derive(Debug)]
pub struct Running {
    /// Ends when everything inside is dead, even if a daemon kept the pipe. Take and read it, or the program blocks.
    pub stdout: Option<PipeReader>,
    pub stderr: Option<PipeReader>,
    /// What the agent writes to file descriptor 3.
    pub events: Option<PipeReader>,
}

impl Sandbox {
    /// Starts a program in this sandbox; returns when it runs.
    pub fn start(&self, host: &HostId, command: &Command, io: Io) -> Result<Running> {
        let _ = (host, command, io);
        todo!()
    }
}

impl Running {
    /// Waits until the program has ended and everything it left behind is dead.
    ///
    /// After `timeout` the program gets SIGTERM, 10 s later everything is killed; that is
    /// [`crate::ErrorKind::TimedOut`]. Another thread may call [`Running::signal`] meanwhile.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Exit> {
        let _ = timeout;
        todo!()
    }

    /// SIGTERM, and after 10 s the end of everything inside; returns when it is dead.
    pub fn terminate(&self) -> Result<Exit> {
        todo!()
    }

    /// Sends a signal to the program's process group; once it has ended, does nothing.
    pub fn signal(&self, signal: i32) -> Result<()> {
        let _ = signal;
        todo!()
    }
}
