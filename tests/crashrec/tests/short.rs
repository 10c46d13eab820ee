//! The short form of the rig: the seeded bugs are seen, and the image store survives.

use std::process::Command;

/// Runs the rig; `None` when this machine cannot.
fn rig(args: &[&str]) -> Option<String> {
    let outcome = harness::run(Command::new(env!("CARGO_BIN_EXE_slipway-crashrec")).args(args));
    if outcome.code == Some(3) {
        harness::skip(outcome.stdout.trim());
        return None;
    }
    let stdout = outcome.success().stdout;
    eprintln!("{stdout}");
    Some(stdout)
}

#[test]
fn each_omitted_step_of_the_commit_protocol_is_caught() {
    if let Some(stdout) = rig(&["--self-test", "--fs", "ext4"]) {
        let caught: Vec<bool> = stdout
            .lines()
            .map(|line| !line.contains("caught at 0 of"))
            .collect();
        assert_eq!(caught, [false, true, true, true, true, true], "{stdout}");
    }
}

#[test]
fn the_image_store_survives_power_loss_on_ext4() {
    if let Some(stdout) = rig(&["--points", "40", "--fs", "ext4"]) {
        assert!(stdout.starts_with("ext4: 40 points"), "{stdout}");
        assert!(stdout.contains("0 lost, 0 visible-broken"), "{stdout}");
        assert!(stdout.contains(", 0 not healed"), "{stdout}");
    }
}
