//! What a user waits for, through the binary.

use std::process::{Command, Stdio};

use crate::table::{Table, milliseconds, time};

/// Three buildpacks detect the sample; everything they need lies in the state folder already.
pub fn detect(table: &mut Table) {
    let sample = harness::repository().join("samples/python-requirements");
    let mut detect = || {
        let status = Command::new(env!("CARGO_BIN_EXE_slipway"))
            .arg("detect")
            .arg(&sample)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            status.expect("slipway").success(),
            "slipway detect fails; run it to see why"
        );
    };
    detect();
    let best = (0..10).map(|_| time(&mut detect)).min().expect("ten runs");
    table.at_most(
        "slipway detect: three buildpacks, whole command",
        milliseconds(best),
        100.0,
        " ms",
    );
}
