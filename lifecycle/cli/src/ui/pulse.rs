//! After a while of silence it is said what is being waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long nothing is said before a sign of life.
const SILENCE: Duration = Duration::from_secs(10);

/// What goes on, and when something was last said.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    doing: Option<(String, Instant)>,
    said: Option<Instant>,
}

impl Pulse {
    /// Something was said.
    pub(crate) fn said(&self) {
        self.state().said = Some(Instant::now());
    }

    /// Something began that may take a while.
    pub(crate) fn begin(&self, what: String) {
        self.state().doing = Some((what, Instant::now()));
    }

    /// It ended.
    pub(crate) fn end(&self) {
        self.state().doing = None;
    }

    /// What has been going on in silence for too long, and for how long altogether.
    pub(crate) fn due(&self) -> Option<(String, Duration)> {
        let state = self.state();
        let (what, since) = state.doing.clone()?;
        let silent = state.said.unwrap_or(since).max(since).elapsed();
        (silent >= SILENCE).then(|| (what, since.elapsed()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
