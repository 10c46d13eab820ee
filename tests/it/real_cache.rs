//! What is kept, what is broken, and what may go: `slipway cache`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use harness::World;

use crate::shop::{Who, build, fresh_world};

const NAME: &str = "kept";

fn digest(world: &World) -> String {
    let json = world.run(&["inspect", NAME, "--json"]).success().stdout;
    let line = json.lines().find(|line| line.contains("\"digest\""));
    line.expect("a digest").to_owned()
}

fn stat(world: &World) -> String {
    world.run(&["cache", "stat", "--json"]).success().stdout
}

/// The largest pack of the store.
fn pack(world: &World) -> PathBuf {
    let mut packs = Vec::new();
    let mut folders = vec![world.state().join("store/packs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "pack") {
                packs.push(path);
            }
        }
    }
    let bytes = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    packs.into_iter().max_by_key(bytes).expect("a pack")
}

fn flip_a_bit(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("chmod");
    let file = fs::File::options().read(true).write(true).open(path);
    let file = file.expect("the pack");
    let middle = file.metadata().expect("its size").len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], middle).expect("writing");
}

#[test]
fn a_flipped_bit_is_found_named_removed_and_made_anew_by_the_next_build() {
    let world = fresh_world(Who::Caller);
    build(&world, "python-requirements", NAME, &[]);
    let before = digest(&world);
    world.run(&["cache", "verify"]).success();
    flip_a_bit(&pack(&world));

    let outcome = world.run(&["cache", "verify"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("sha256:"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("slipway cache repair"),
        "{}",
        outcome.stderr
    );
    let repaired = world.run(&["cache", "repair"]).success();
    assert_eq!(repaired.stdout, outcome.stdout, "what was found is removed");
    world.run(&["cache", "verify"]).success();

    let source = world.path(NAME).to_str().expect("UTF-8").to_owned();
    world.run(&["build", &source, "-t", NAME]).success();
    assert_eq!(digest(&world), before);
    world.run(&["cache", "verify"]).success();
}

#[test]
fn prune_leaves_the_images_and_the_next_build_makes_the_same() {
    let world = fresh_world(Who::Caller);
    build(&world, "python-requirements", NAME, &[]);
    let before = digest(&world);
    let full = stat(&world);
    let pruned = world.run(&["cache", "prune"]).success();
    assert!(pruned.stderr.contains("freed"), "{}", pruned.stderr);
    assert_ne!(stat(&world), full);
    assert_eq!(digest(&world), before);
    world.run(&["cache", "verify"]).success();
}
