//! Runs in turn, and how long they take.

use std::time::{Duration, Instant};

/// The shortest of `times` runs of each of two things, run in turn so that both see the same machine.
pub fn best_of_each(
    times: usize,
    mut ours: impl FnMut(),
    mut other: impl FnMut(),
) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..times {
        best.0 = best.0.min(time(&mut ours));
        best.1 = best.1.min(time(&mut other));
    }
    best
}

pub fn time(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
