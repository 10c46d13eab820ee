//! When to try again, and how long to wait before.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::settings::Tries;

/// The attempts on one address.
pub(crate) struct Attempts {
    tries: Tries,
    failed: u32,
}

impl Attempts {
    pub(crate) fn new(tries: Tries) -> Attempts {
        Attempts { tries, failed: 0 }
    }

    /// Work that went forward may fail as often again.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits until the next attempt, or gives the error back when there shall be none.
    pub(crate) fn again(&mut self, error: Error) -> Result<()> {
        self.failed += 1;
        if self.failed >= most(error.kind(), self.tries.count) {
            return Err(error);
        }
        match error.retry_after() {
            Some(wait) if wait > self.tries.retry_after => return Err(error),
            Some(wait) => thread::sleep(wait),
            None => thread::sleep(self.jitter()),
        }
        Ok(())
    }

    /// A random part of `base`, doubled for every failure, at most `cap`.
    fn jitter(&self) -> Duration {
        let doubled = self
            .tries
            .base
            .saturating_mul(1 << (self.failed - 1).min(16));
        // Hash maps are seeded by the system: enough to keep clients from knocking in step.
        let random = RandomState::new().hash_one(self.failed) % 1001;
        let part = u32::try_from(random).unwrap_or(1000);
        doubled.min(self.tries.cap) * part / 1000
    }
}

/// How often a kind of failure is worth trying, the first attempt included.
fn most(kind: ErrorKind, count: u32) -> u32 {
    match kind {
        ErrorKind::Busy | ErrorKind::Broken | ErrorKind::Refused => count,
        // Each of these already waited long.
        ErrorKind::Timeout => count.min(3),
        ErrorKind::Offline | ErrorKind::Digest => count.min(2),
        _ => 1,
    }
}
