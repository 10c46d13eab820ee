//! Tests that cannot run say so and are counted (docs/design/decisions.md 29).

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Is a skipped test a failure? True under `SLIPWAY_TESTS=strict`, as in CI.
pub fn strict() -> bool {
    std::env::var_os("SLIPWAY_TESTS").is_some_and(|value| value == "strict")
}

/// Says that the calling test could not run, and counts it; the caller returns afterwards.
///
/// The line goes to standard error past the test runner's capture, so that a plain `cargo test`
/// shows it. Under [`strict`] this is a panic.
pub fn skip(reason: &str) {
    let test = std::thread::current()
        .name()
        .unwrap_or("unnamed")
        .to_owned();
    assert!(
        !strict(),
        "SLIPWAY_TESTS=strict and {test} cannot run: {reason}"
    );
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!("skipped ({count} so far in this test program): {test}: {reason}\n");
    // A closed standard error must not turn a skip into a failure.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
