//! hyperfine, and the medians it measures.

use std::path::Path;
use std::process::Command;

use harness::run;
use serde_json::Value;

/// A command and what is done before each of its runs, both lines for `sh`-less starting.
pub(crate) struct Timed {
    pub(crate) prepare: String,
    pub(crate) command: String,
}

/// Medians of whole runs of two commands in milliseconds.
pub(crate) fn medians(scratch: &Path, runs: usize, ours: &Timed, other: &Timed) -> (f64, f64) {
    let file = scratch.join("hyperfine.json");
    let mut hyperfine = Command::new("hyperfine");
    hyperfine
        .args(["--shell=none", "--style=basic", "--warmup=1"])
        .args(["--runs", &runs.to_string(), "--export-json"])
        .arg(&file);
    for timed in [ours, other] {
        hyperfine.args(["--prepare", &timed.prepare]);
    }
    hyperfine.args([&ours.command, &other.command]);
    run(&mut hyperfine).success();
    let text = std::fs::read(&file).expect("hyperfine's results");
    let results: Value = serde_json::from_slice(&text).expect("they are JSON");
    let median = |at: usize| {
        let seconds = results["results"][at]["median"].as_f64();
        seconds.expect("a median") * 1000.0
    };
    (median(0), median(1))
}
