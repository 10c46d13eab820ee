//! How long a group and a plan are searched for: orders and plans of others can hold exponentially many.

use std::time::{Duration, Instant};

use crate::limits::{TRIAL_TIME, TRIALS};
use crate::{Error, ErrorKind, Result};

/// What is left of the search. Time in which programs of buildpacks run does not count.
#[derive(Debug)]
pub(super) struct Budget {
    trials: u32,
    time: Duration,
    since: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            trials: TRIALS,
            time: TRIAL_TIME,
            since: Instant::now(),
        }
    }

    /// Counts one trial. Fails when it is one too many.
    pub(super) fn trial(&mut self) -> Result<()> {
        let trials = self.trials.checked_sub(1);
        match trials {
            Some(left) if self.since.elapsed() <= self.time => {
                self.trials = left;
                Ok(())
            }
            _ => {
                let tried = TRIALS - self.trials;
                let doing = format!("searching for a group: given up after {tried} combinations");
                Err(Error::new(ErrorKind::TooManyTrials, doing))
            }
        }
    }

    /// Does something that does not count.
    pub(super) fn pause<T>(&mut self, what: impl FnOnce() -> T) -> T {
        self.time = self.time.saturating_sub(self.since.elapsed());
        let result = what();
        self.since = Instant::now();
        result
    }
}
