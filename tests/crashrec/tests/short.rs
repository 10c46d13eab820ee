//! The short form of the rig: the seeded bugs are seen, and the image store survives.

fn rig(args: &[&str]) -> Option<String> {
    harness::rig(env!("CARGO_BIN_EXE_slipway-crashrec"), args)
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
