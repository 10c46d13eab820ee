//! What a user waits for, through the binary.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::Table;

use crate::rounds::{milliseconds, time};

const NAME: &str = "slipway-bench-rebuild";
/// A file that changed so recently is read again.
const SETTLED: Duration = Duration::from_secs(3);

/// Three buildpacks detect the sample; everything they need lies in the state folder already.
pub fn detect(table: &mut Table) {
    let sample = harness::repository().join("samples/python-requirements");
    let mut detect = || slipway(&["detect".as_ref(), sample.as_ref()]);
    detect();
    let best = (0..10).map(|_| time(&mut detect)).min().expect("ten runs");
    table.at_most(
        "slipway detect: three buildpacks, whole command",
        milliseconds(best),
        100.0,
        " ms",
    );
}

/// The same source again, and the source with one more line: medians of the whole command.
pub fn rebuild(table: &mut Table) {
    let world = tempfile::tempdir().expect("a temporary folder");
    let app = world.path().join("app");
    let sample = harness::repository().join("samples/python-requirements");
    let mut copy = Command::new("cp");
    harness::run(copy.arg("-r").arg(sample).arg(&app)).success();
    let build = || slipway(&["build".as_ref(), app.as_ref(), "-t".as_ref(), NAME.as_ref()]);
    build();
    std::thread::sleep(SETTLED);
    build();
    let same = median(|| time(&mut { build }));
    table.at_most(
        "slipway build: nothing changed, whole command",
        milliseconds(same),
        50.0,
        " ms",
    );
    let edited = median(|| {
        add_a_line(&app.join("app.py"));
        time(&mut { build })
    });
    table.at_most(
        "slipway build: one line changed, whole command",
        milliseconds(edited),
        150.0,
        " ms",
    );
    slipway(&["image".as_ref(), "rm".as_ref(), NAME.as_ref()]);
}

fn add_a_line(file: &Path) {
    let file = std::fs::File::options().append(true).open(file);
    writeln!(file.expect("the file"), "# one more").expect("writing");
}

fn median(run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = std::iter::repeat_with(run).take(11).collect();
    times.sort();
    times[times.len() / 2]
}

fn slipway(args: &[&std::ffi::OsStr]) {
    let status = Command::new(env!("CARGO_BIN_EXE_slipway"))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        status.expect("slipway").success(),
        "slipway {args:?} fails; run it to see why"
    );
}
