//! The short forms: the seeded bugs are seen, and the image store survives kills, failing calls, crowds and flipped bits.

fn rig(args: &[&str]) -> Option<String> {
    harness::rig(env!("CARGO_BIN_EXE_slipway-killsweep"), args)
}

#[test]
fn names_before_blobs_swallowed_errors_and_syncs_tried_again_are_caught() {
    if let Some(stdout) = rig(&["self-test"]) {
        assert_eq!(stdout.matches("caught at point").count(), 3, "{stdout}");
    }
}

#[test]
fn the_image_store_survives_kills_and_failing_calls() {
    if let Some(stdout) = rig(&["sweep", "--points", "60"]) {
        assert!(stdout.contains("all: 60 points: 0 flawed"), "{stdout}");
    }
}

#[test]
fn sixteen_writers_keep_their_names_and_collections_take_nothing_from_writers() {
    if let Some(stdout) = rig(&["crowd", "--rounds", "100"]) {
        assert!(stdout.contains("16 references: 16 survive"), "{stdout}");
        assert!(stdout.contains("collections: 0 broken"), "{stdout}");
    }
}

#[test]
fn flipped_bits_are_noticed_and_healed() {
    if let Some(stdout) = rig(&["rot", "--flips", "200"]) {
        assert!(stdout.contains(", 0 wrong"), "{stdout}");
    }
}
