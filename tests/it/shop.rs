//! What the tests have in common: the binary, worlds that share downloads, containers that answer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use harness::{Answer, Child, World, free_port, repository, wait_for};

pub const SLIPWAY: &str = env!("CARGO_BIN_EXE_slipway");

/// The launcher that the binary under test embeds.
pub const LAUNCHER: &[u8] = include_bytes!(env!("SLIPWAY_LAUNCHER"));

/// The person who runs a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Caller,
    Ordinary,
}

/// The people to test as: the caller, and when that is root an ordinary user as well.
pub fn everybody() -> Vec<Who> {
    if harness::is_root() {
        vec![Who::Caller, Who::Ordinary]
    } else {
        vec![Who::Caller]
    }
}

/// A world that knows nothing yet but the downloads of earlier tests, so that a run fetches them once.
pub fn fresh_world(who: Who) -> World {
    let world = match who {
        Who::Caller => World::new(SLIPWAY),
        Who::Ordinary => World::ordinary(SLIPWAY),
    };
    world.with_downloads_of(&filled_state())
}

/// A world of the caller whose state folder is that of all tests of this program, at the same time.
pub fn shared_world() -> World {
    World::new(SLIPWAY).with_state(filled_state())
}

/// A state folder that has built the first sample once. Of what earlier runs left in it, downloads stay.
fn filled_state() -> PathBuf {
    static FILLED: Once = Once::new();
    let home = kept("state");
    FILLED.call_once(|| {
        forget_all_but_downloads(&home);
        let sample = repository().join("samples/python-requirements");
        let mut build = Command::new(SLIPWAY);
        build
            .arg("build")
            .arg(sample)
            .args(["-t", "fills-the-state"])
            .env("SLIPWAY_HOME", &home);
        harness::run(&mut build).success();
        files::remove_tree(&kept("quiet-state")).expect("nobody is using it");
        harness::run(
            Command::new("cp")
                .arg("-a")
                .args([&home, &kept("quiet-state")]),
        )
        .success();
    });
    home
}

/// A state folder with the base images and one image, which nobody is using.
pub fn quiet_state() -> PathBuf {
    filled_state();
    kept("quiet-state")
}

fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn forget_all_but_downloads(home: &Path) {
    for entry in std::fs::read_dir(home).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if !path.ends_with("downloads") {
            files::remove_tree(&path).expect("nobody is using it");
        }
    }
}

/// Builds a copy of a sample's folder under `name`.
pub fn build(world: &World, folder: &str, name: &str, more: &[&str]) {
    let source = world.copy(&repository().join("samples").join(folder), name);
    let source = source.to_str().expect("UTF-8");
    world
        .run(&[&["build", source, "-t", name], more].concat())
        .success();
}

/// Starts `slipway run NAME …` and waits until `path` answers.
pub fn run_and_ask(world: &World, name: &str, more: &[&str], path: &str) -> (Child, Answer) {
    let port = free_port();
    let setting = format!("PORT={port}");
    let child = Child::start(&mut world.slipway(&[&["run", name, "-e", &setting], more].concat()));
    let answer = wait_for(port, path, Duration::from_mins(1)).expect("an answer within a minute");
    (child, answer)
}
