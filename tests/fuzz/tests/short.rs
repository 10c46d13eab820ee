//! The short forms: planted bugs are found, and the decoders survive some seconds of hostile bytes each.

fn rig(args: &[&str]) -> Option<String> {
    harness::rig(env!("CARGO_BIN_EXE_slipway-fuzz"), args)
}

#[test]
fn a_panic_a_length_that_is_believed_and_an_endless_loop_are_found() {
    if let Some(stdout) = rig(&["self-test"]) {
        assert_eq!(stdout.matches(": found with").count(), 3, "{stdout}");
    }
}

#[test]
fn hostile_bytes_are_refused_in_little_memory_by_every_decoder() {
    if let Some(stdout) = rig(&["run", "--seconds", "10"]) {
        assert!(stdout.contains("5 of 5 targets without a bug"), "{stdout}");
    }
}
