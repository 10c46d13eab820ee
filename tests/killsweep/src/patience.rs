//! Programs that are waited for, but not for ever: a lock that is never given back must not stop the rig.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Result;

/// What takes longer hangs, on any machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs a command to its end; one that hangs is killed with all its processes, which is an error.
pub(crate) fn finish(command: &mut Command) -> Result<Output> {
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::spawn(move || sender.send(child.wait_with_output()));
    if let Ok(output) = receiver.recv_timeout(PATIENCE) {
        return Ok(output?);
    }
    kill_process_group(pid, Signal::KILL)?;
    drop(waiting);
    Err(format!("{command:?} hangs").into())
}
