//! Ctrl-C and its relatives, handed to whoever works.

use std::sync::Arc;
use std::time::Duration;

use platform::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit;

/// What has not stopped by then is ended: downloads and compression do not listen.
const GRACE: Duration = Duration::from_millis(1500);

/// Hands signals to `stop`. With `ends`, the program ends a moment after the first one, whatever it does.
pub(crate) fn listen(stop: &Arc<Stop>, ends: bool) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            stop.ask(signal);
            if ends {
                std::thread::sleep(GRACE);
                stop.clean();
                std::process::exit(i32::from(exit::of_signal(signal)));
            }
        }
    });
    Ok(())
}
