//! A body that has to keep a minimal pace, so that a server that drips cannot hold a build for ever.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::settings::Timeouts;

pub(crate) struct Paced<R> {
    body: R,
    timeouts: Timeouts,
    /// Time spent waiting for the server and bytes it sent, in this window.
    waited: Duration,
    bytes: u64,
}

impl<R> Paced<R> {
    pub(crate) fn new(body: R, timeouts: Timeouts) -> Paced<R> {
        Paced {
            body,
            timeouts,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let asked = Instant::now();
        let count = self.body.read(buffer)?;
        self.waited += asked.elapsed();
        self.bytes += u64::try_from(count).unwrap_or(0);
        if self.waited >= self.timeouts.rate_window {
            if count > 0 && self.bytes < self.timeouts.rate_bytes {
                return Err(io::Error::other(TooSlow));
            }
            self.waited = Duration::ZERO;
            self.bytes = 0;
        }
        Ok(count)
    }
}

/// Marks a body that was given up among errors of reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooSlow;

impl std::fmt::Display for TooSlow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes come too slowly")
    }
}

impl std::error::Error for TooSlow {}
