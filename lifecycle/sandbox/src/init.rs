//! The helper process: single-threaded, started afresh, so that it may fork and enter user namespaces.

use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::setsid;
use rustix::stdio::dup2_stdin;

use crate::control::Control;
use crate::error::Context;
use crate::request::{Reply, Request};
use crate::{Result, nested, phase, probe, view};

/// First argument of the helper's command line.
pub const INIT: &str = "sandbox-init";
/// Second argument of a helper that stays in the caller's session, on its terminal.
pub(crate) const STAY: &str = "stay";

/// Body of `<self> sandbox-init`.
///
/// The caller's `main` calls it when its first argument is [`INIT`], before anything else and in particular
/// before it starts threads or reads input.
pub fn init() -> ! {
    let Ok(control) = take_control() else {
        leave(false)
    };
    let done = serve(&control);
    let done = done.or_else(|error| control.send(&Reply::Failed(error.into())));
    leave(done.is_ok())
}

/// Ends this process without running anything that the process it was forked from would run at its end.
pub(crate) fn leave(well: bool) -> ! {
    std::process::exit(if well { 0 } else { 126 })
}

/// The control socket comes as standard input; afterwards that is `/dev/null`.
fn take_control() -> std::io::Result<Control> {
    let control = Control::from_fd(fcntl_dupfd_cloexec(std::io::stdin().as_fd(), 10)?);
    dup2_stdin(open(
        "/dev/null",
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )?)?;
    Ok(control)
}

fn serve(control: &Control) -> Result<()> {
    let doing = "reading what to run in a sandbox";
    if std::env::args_os().nth(2).is_none_or(|arg| arg != STAY) {
        // Ctrl-C in the caller's terminal is the caller's to handle.
        setsid().doing("leaving the caller's session")?;
    }
    let (request, descriptors) = control.receive_with().doing(doing)?;
    match request {
        Request::Phase {
            sandbox,
            host,
            command,
            streams,
        } => phase::run(control, sandbox, host, &command, streams, descriptors),
        Request::Nested { nested, command } => {
            nested::run_in_helper(control, &nested, &command, descriptors)
        }
        Request::Probe { host } => control
            .send(&Reply::Report(probe::in_helper(host)))
            .doing("answering"),
        Request::View { view, command } => view::become_program(&view, &command, descriptors),
    }
}
