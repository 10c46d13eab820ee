//! The words users read, as golden files; `just bless` rewrites them.

use harness::World;
use snapbox::{assert_data_eq, file};

use crate::shop::SLIPWAY;

#[test]
fn help_shows_the_commands_and_examples() {
    let world = World::new(SLIPWAY);
    let help = |args: &[&str]| world.run(args).success().stdout;
    assert_data_eq!(help(&["--help"]), file!["../golden/help/slipway.txt"]);
    assert_data_eq!(
        help(&["build", "--help"]),
        file!["../golden/help/build.txt"]
    );
    assert_data_eq!(
        help(&["detect", "--help"]),
        file!["../golden/help/detect.txt"]
    );
    assert_data_eq!(help(&["run", "--help"]), file!["../golden/help/run.txt"]);
    assert_data_eq!(
        help(&["inspect", "--help"]),
        file!["../golden/help/inspect.txt"]
    );
    assert_data_eq!(
        help(&["image", "--help"]),
        file!["../golden/help/image.txt"]
    );
    assert_data_eq!(
        help(&["image", "save", "--help"]),
        file!["../golden/help/image-save.txt"]
    );
    assert_data_eq!(
        help(&["image", "mount", "--help"]),
        file!["../golden/help/image-mount.txt"]
    );
    assert_data_eq!(
        help(&["cache", "--help"]),
        file!["../golden/help/cache.txt"]
    );
    assert_data_eq!(
        help(&["cache", "prune", "--help"]),
        file!["../golden/help/cache-prune.txt"]
    );
    assert_data_eq!(
        help(&["cache", "why", "--help"]),
        file!["../golden/help/cache-why.txt"]
    );
    assert_data_eq!(
        help(&["doctor", "--help"]),
        file!["../golden/help/doctor.txt"]
    );
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let outcome = World::new(SLIPWAY).run(&["build", "--frobnicate"]);
    assert_eq!(outcome.code, Some(2));
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_source_that_does_not_exist_is_named() {
    let outcome = World::new(SLIPWAY).run(&["build", "./nowhere", "-t", "x"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(
        outcome.stderr.starts_with("error[SLP-SRC-"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("nowhere"), "{}", outcome.stderr);
}

#[test]
fn an_image_that_does_not_exist_is_named_with_the_way_to_find_it() {
    let outcome = World::new(SLIPWAY).run(&["run", "nobody-built-this"]);
    assert_ne!(outcome.code, Some(0));
    assert!(
        outcome.stderr.contains("nobody-built-this"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("help:"), "{}", outcome.stderr);
}
