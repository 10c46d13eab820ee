//! Buildpacks that misbehave (reliability-security.md, T3, T14, T16).

use std::time::{Duration, Instant};

use phases::ErrorKind;

use crate::world::World;

/// The phases' answer to what a `bin/build` leaves.
fn refused(build: &str) -> phases::Error {
    let mut world = World::new();
    world.buildpack("evil", "exit 0", build);
    world.group(&["evil"]);
    let since = Instant::now();
    let error = world.create(None).unwrap_err();
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{build}: {:?}",
        since.elapsed()
    );
    assert_eq!(error.buildpack(), Some("evil@1"), "{build}: {error:?}");
    error
}

#[test]
fn files_that_are_none_are_refused_and_nothing_waits_for_them() {
    for file in ["launch.toml", "build.toml", "l.toml", "store.toml"] {
        for make in [
            "ln -s /etc/passwd",
            "mkfifo",
            "mkdir -p x && ln -s x",
            "ln -s /dev/zero",
        ] {
            let build = format!("cd $1 && {make} {file}");
            let error = refused(&build);
            let kinds = [ErrorKind::Refused, ErrorKind::Io];
            assert!(kinds.contains(&error.kind()), "{build}: {error:?}");
            assert_eq!(error.code(), 52, "{build}");
        }
    }
}

#[test]
fn files_that_are_too_large_are_refused() {
    let error = refused("head -c 2000000 /dev/zero > $1/launch.toml");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, 52));
}

#[test]
fn an_sbom_behind_a_link_is_not_copied() {
    let build = "cd $1 && printf '[types]\\nlaunch = true\\n' > l.toml && mkdir l && ln -s /etc/passwd l.sbom.cdx.json";
    assert_eq!(refused(build).code(), 52);
}

#[test]
fn a_variable_can_not_be_a_link_to_what_the_buildpack_may_not_read() {
    let layer = "cd $1 && mkdir -p l && printf '[types]\\nbuild = true\\n' > l.toml";
    for link in [
        "mkdir l/env && ln -s ../../../../platform/secret l/env/X",
        "mkdir l/env.build && ln -s /etc/passwd l/env.build/X",
        "ln -s ../../../platform l/env",
    ] {
        let mut world = World::new();
        world.write("platform/secret", "s");
        world.buildpack("evil", "exit 0", &format!("{layer} && {link}"));
        world.group(&["evil"]);
        let error = world.create(None).unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Refused, 52),
            "{link}: {error:?}"
        );
    }
}

#[test]
fn a_layers_folder_that_is_a_link_is_not_followed() {
    let error = refused("cd $1 && rm -rf ../evil && ln -s /tmp ../evil");
    assert_eq!(error.code(), 62, "{error:?}");
}

#[test]
fn what_a_program_leaves_running_ends_with_it() {
    let mut world = World::new();
    let marker = world.at("still-here");
    let detect = format!("(sleep 2; touch {}) & exit 0", marker.display());
    world.buildpack("daemon", &detect, "");
    world.group(&["daemon"]);
    let since = Instant::now();
    world.detect().unwrap();
    assert!(
        since.elapsed() < Duration::from_secs(2),
        "{:?}",
        since.elapsed()
    );
    std::thread::sleep(Duration::from_millis(2200));
    assert!(!marker.exists());
}

#[test]
fn buildpacks_do_not_see_what_is_not_on_the_list() {
    let mut world = World::new();
    world.buildpack("env", "env", "");
    world.group(&["env"]);
    world.detect().unwrap();
    let lines = world.heard.lines();
    assert!(lines.iter().any(|line| line == "PATH=/usr/bin:/bin"));
    assert!(
        !lines.iter().any(|line| line.contains("SECRET")),
        "{lines:?}"
    );
}
