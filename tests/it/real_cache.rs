//! What is kept, what is broken, and what may go: `slipway cache`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use harness::World;

use crate::shop::{SLIPWAY, Who, build, fresh_world, shared_world};

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

/// What `slipway cache stat` counts against the bound.
fn bounded(world: &World) -> u64 {
    let json: serde_json::Value = serde_json::from_str(&stat(world)).expect("JSON");
    let number = |name: &str| json[name].as_u64().expect("a number");
    number("downloads") + number("unpacked") + number("reuse")
}

#[test]
fn what_can_be_had_again_is_kept_below_a_size_and_nothing_else_goes() {
    let world = fresh_world(Who::Caller);
    build(&world, "python-requirements", NAME, &[]);
    let (all, before) = (bounded(&world), digest(&world));
    prune_to_a_size(&world, all);
    assert_eq!(digest(&world), before);

    let built = || {
        let source = world.path(NAME);
        let source = source.to_str().expect("UTF-8");
        let mut build = world.slipway(&["build", source, "-t", NAME, "--clear-cache"]);
        harness::run(build.env("SLIPWAY_CACHE_SIZE", "50MB")).success();
    };
    built();
    assert!(bounded(&world) <= 50_000_000, "{}", bounded(&world));
    assert_eq!(digest(&world), before);
    world.run(&["cache", "verify"]).success();
    built();
    assert_eq!(digest(&world), before);

    carried_to_another_machine(&world);

    let odd = harness::run(
        world
            .slipway(&["image", "ls"])
            .env("SLIPWAY_CACHE_SIZE", "much"),
    );
    assert_eq!(odd.code, Some(3), "{}", odd.stderr);
    assert!(odd.stderr.contains("SLIPWAY_CACHE_SIZE"), "{}", odd.stderr);
}

/// As `docs/guide/ci-cache.md` has it: three folders are enough to go on where the last run ended, without any download.
fn carried_to_another_machine(world: &World) {
    let source = world.path(NAME);
    let source = source.to_str().expect("UTF-8");
    world.run(&["build", source, "-t", NAME]).success();
    let other = World::new(SLIPWAY);
    fs::create_dir_all(other.state()).expect("a state folder");
    for folder in ["store", "reuse", "last-builds"] {
        other.copy(
            &world.state().join(folder),
            &format!("home/slipway/{folder}"),
        );
    }
    let copy = other.copy(&world.path(NAME), NAME);
    let args = [
        "build",
        copy.to_str().expect("UTF-8"),
        "-t",
        NAME,
        "--offline",
    ];
    let built = other.run(&["build", args[1], "-t", NAME]).success();
    assert!(built.stderr.contains("Unchanged"), "{}", built.stderr);
    assert_eq!(digest(&other), digest(world));
    fs::write(copy.join("more.txt"), "more").expect("writing");
    let built = other.run(&args).success();
    assert!(built.stderr.contains("more.txt is new"), "{}", built.stderr);
    other.run(&["cache", "verify"]).success();
}

fn prune_to_a_size(world: &World, all: u64) {
    let keep = |size: &str| world.run(&["cache", "prune", "--keep-size", size]);
    keep("100TB").success();
    assert_eq!(bounded(world), all, "it is below the bound");
    let half = all / 2;
    keep(&half.to_string()).success();
    let left = bounded(world);
    assert!(left <= half && left > 0, "{left} of {all}");
    world
        .run(&["cache", "prune", "--older-than", "1d"])
        .success();
    assert_eq!(bounded(world), left, "everything is younger than a day");
    let wrong = keep("many");
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("500MB"), "{}", wrong.stderr);
}

#[test]
fn a_rebuild_says_what_changed_and_why_tells_it_in_full() {
    let world = shared_world();
    let name = "asked-why";
    build(
        &world,
        "procfile-web-worker",
        name,
        &["-e", "BP_SECRET=hunter2-is-no-password"],
    );
    let why = || world.run(&["cache", "why", name]).success().stdout;
    assert!(why().contains("it was the first build"), "{}", why());

    let source = world.path(name);
    fs::write(source.join("server.py"), "print('edited')").expect("writing");
    fs::write(source.join("new.txt"), "new").expect("writing");
    fs::remove_file(source.join("worker.py")).expect("removing");
    let source = source.to_str().expect("UTF-8").to_owned();
    let args = ["build", &source, "-t", name, "-e", "BP_SECRET=changed"];
    let built = world.run(&args).success().stderr;
    let line = built.lines().find(|line| line.contains("Rebuild"));
    let expected =
        "variable BP_SECRET changed, new.txt is new, server.py changed, worker.py is gone";
    assert!(line.is_some_and(|line| line.ends_with(expected)), "{built}");

    let told = why();
    for line in expected.split(", ") {
        assert!(told.contains(&format!("because  {line}\n")), "{told}");
    }
    assert!(told.contains("reused   run image ("), "{told}");
    assert!(told.contains("new      application"), "{told}");
    let again = world.run(&args).success().stderr;
    assert!(again.contains("Unchanged"), "{again}");
    assert_eq!(why(), told, "a build that did nothing leaves it as it is");

    for entry in fs::read_dir(world.state().join("last-builds")).expect("a folder") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a record");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hunter2"), "{text}");
    }
    let nobody = world.run(&["cache", "why", "nobody-built-this"]);
    assert_eq!(nobody.code, Some(1), "{}", nobody.stderr);
    world.run(&["image", "rm", name]).success();
}
