//! Process 1 of a sandbox: starts the program, buries what dies, passes signals on.
//!
//! Whatever ends this process ends everything: the kernel kills the rest of its pid namespace. The control
//! socket's end is the primary reason to go; PR_SET_PDEATHSIG, which credential changes clear and which fires
//! when a mere thread dies, is the backup.

use std::io::{Read, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, kill_process_group, set_parent_process_death_signal, wait, waitpid,
};

use crate::control::Control;
use crate::error::Context;
use crate::request::{Failure, Order, Reply};
use crate::sys::{self, Fork};
use crate::{Error, Exit, Result};

/// Runs `body` in a child, which is process 1 if the caller has just unshared its pid namespace, and waits.
///
/// `body`'s result goes to the control socket; when this returns, everything the child left behind is dead.
/// What `here` holds is dropped on this side, so that pipes end with the sandbox.
pub(crate) fn as_process_1<T>(
    control: &Control,
    here: T,
    body: impl FnOnce(T) -> Result<Exit>,
) -> Result<()> {
    match sys::fork().doing("forking process 1 of the sandbox")? {
        Fork::Child => {
            let reply = set_parent_process_death_signal(Some(Signal::KILL))
                .doing("tying process 1 to the helper")
                .and_then(|()| body(here))
                .map_or_else(|error| Reply::Failed(error.into()), Reply::Ended);
            let told = control.send(&reply);
            crate::init::leave(told.is_ok())
        }
        Fork::Parent(child) => {
            drop(here);
            let status =
                waitpid(Some(child), WaitOptions::empty()).doing("waiting for process 1")?;
            let told = status.is_some_and(|(_, status)| status.exit_status() == Some(0));
            if !told {
                let killed = Exit::Signal(Signal::KILL.as_raw());
                // The host may be gone as well.
                let _ = control.send(&Reply::Ended(killed));
            }
            Ok(())
        }
    }
}

/// Whom an order to signal is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The program and its process group.
    Program,
    /// Everything, nested sandboxes included.
    Everyone,
}

/// Starts `program` in a child and stays with it until it ends or the other side hangs up.
///
/// `program` turns the child into the program and returns only if that failed.
pub(crate) fn supervise(
    control: &Control,
    audience: Audience,
    program: impl FnOnce() -> Error,
) -> Result<Exit> {
    let children = sys::child_signals().doing("watching children")?;
    let main = start(program)?;
    control
        .send(&Reply::Started)
        .doing("telling that the program runs")?;
    loop {
        let mut events = [
            PollFd::new(&children, PollFlags::IN),
            PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN),
        ];
        match poll(&mut events, None) {
            Err(Errno::INTR) => continue,
            result => result.doing("waiting for the program")?,
        };
        let [child_ended, order_came] = events.map(|event| !event.revents().is_empty());
        if child_ended {
            let mut numbers = [0; 128];
            // Which child it was tells `wait`; this only makes the descriptor quiet.
            let _ = rustix::io::read(&children, &mut numbers);
            if let Some(exit) = bury(main)? {
                return Ok(exit);
            }
        }
        if order_came {
            match control.receive().doing("reading an order")? {
                None => return Ok(Exit::Signal(Signal::KILL.as_raw())),
                Some(Order::Signal(number)) => pass_on(number, main, audience),
            }
        }
    }
}

fn start(program: impl FnOnce() -> Error) -> Result<Pid> {
    let doing = "forking the program";
    // Closed by a successful exec.
    let (mut failed, mut tell) = std::io::pipe().doing(doing)?;
    let main = match sys::fork().doing(doing)? {
        Fork::Child => {
            drop(failed);
            let failure = Failure::from(program());
            let bytes = serde_json::to_vec(&failure).unwrap_or_default();
            crate::init::leave(tell.write_all(&bytes).is_ok())
        }
        Fork::Parent(main) => main,
    };
    drop(tell);
    let mut failure = Vec::new();
    failed.read_to_end(&mut failure).doing(doing)?;
    if failure.is_empty() {
        return Ok(main);
    }
    let failure: Failure = serde_json::from_slice(&failure)
        .map_err(std::io::Error::from)
        .doing(doing)?;
    Err(failure.into())
}

/// Takes note of all that have died; says how the program ended, if it did.
fn bury(main: Pid) -> Result<Option<Exit>> {
    let mut ended = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == main => {
                ended = status
                    .exit_status()
                    .map(Exit::Code)
                    .or(status.terminating_signal().map(Exit::Signal));
            }
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(ended),
            Err(cause) => return Err(cause).doing("burying children"),
        }
    }
}

fn pass_on(number: i32, main: Pid, audience: Audience) {
    let Some(signal) = Signal::from_named_raw(number) else {
        return;
    };
    // Both fail only when nobody is left.
    let _ = match audience {
        Audience::Program => kill_process_group(main, signal).map_err(std::io::Error::from),
        Audience::Everyone => sys::kill_all(signal),
    };
}
