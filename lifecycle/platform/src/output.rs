//! What a program in a sandbox writes: read while it runs, the last part kept for messages.

use std::io::{PipeReader, Read};

use sandbox::{Exit, Running};

/// Of each stream; what went wrong stands at the end.
const KEPT_BYTES: usize = 8 << 10;

/// How a program ended and the last things it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: sandbox::Result<Exit>,
    pub(crate) text: String,
}

/// Reads both outputs to their ends while `wait` waits.
pub(crate) fn tails(
    running: &mut Running,
    wait: impl FnOnce(&Running) -> sandbox::Result<Exit>,
) -> Said {
    let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
    std::thread::scope(|scope| {
        let stdout = scope.spawn(|| tail(stdout));
        let stderr = scope.spawn(|| tail(stderr));
        let exit = wait(running);
        let text = [stdout, stderr]
            .map(|thread| thread.join().unwrap_or_default())
            .concat();
        Said { exit, text }
    })
}

fn tail(pipe: Option<PipeReader>) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        kept.extend_from_slice(piece.get(..count).unwrap_or_default());
        if kept.len() > 2 * KEPT_BYTES {
            kept.drain(..kept.len() - KEPT_BYTES);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
