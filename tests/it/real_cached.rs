//! Cached layers come back without being copied, and a build that fails changes nothing about them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::{Outcome, World};

use crate::shop::shared_world;

/// Counts its builds in a cached layer, and says which file the counter lies beside.
const BUILD: &str = r#"#!/bin/sh
set -e
layer="$CNB_LAYERS_DIR/store"
mkdir -p "$layer"
[ -e "$layer/count" ] || echo 0 > "$layer/count"
[ -e "$layer/beside" ] || echo x > "$layer/beside"
echo "found $(cat "$layer/count") $(stat -c %i "$layer/beside")"
echo $(($(cat "$layer/count") + 1)) > "$layer/count"
printf '[types]\ncache = true\n' > "$layer.toml"
[ ! -e fail ]
"#;

const TOML: &str = "api = \"0.12\"\n[buildpack]\nid = \"test/count\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";

#[test]
fn a_cached_layer_is_moved_and_a_failed_build_forgets_its_changes() {
    let world = shared_world();
    write(&world, "buildpack/buildpack.toml", TOML);
    write(&world, "buildpack/bin/detect", "#!/bin/sh\n");
    write(&world, "buildpack/bin/build", BUILD);

    let (count, first) = found(&build(&world, "one").success());
    assert_eq!(count, 0);
    let (count, second) = found(&build(&world, "two").success());
    assert_eq!((count, second), (1, first), "the very file of before");

    write(&world, "app/fail", "");
    let failed = build(&world, "three");
    assert_eq!(failed.code, Some(51), "{}", failed.stderr);
    assert_eq!(found(&failed).0, 2);
    fs::remove_file(world.path("app/fail")).unwrap();
    let (count, _) = found(&build(&world, "four").success());
    assert_eq!(count, 2, "as after the last build that did not fail");
    let (count, _) = found(&build(&world, "five").success());
    assert_eq!(count, 3);
}

fn write(world: &World, file: &str, text: &str) {
    let file = world.path(file);
    let parent = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).expect("a folder");
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// Builds the application after an edit.
fn build(world: &World, edit: &str) -> Outcome {
    write(world, "app/page.txt", edit);
    let (app, buildpack) = (world.path("app"), world.path("buildpack"));
    let [app, buildpack] = [&app, &buildpack].map(|path| path.to_str().expect("UTF-8"));
    world.run(&["build", app, "-t", "cached-count", "--buildpack", buildpack])
}

/// The counter that the buildpack found, and the number of the file beside it.
fn found(built: &Outcome) -> (u64, u64) {
    let line = built.stderr.lines().find(|line| line.contains("found "));
    let words = line.expect("what was found").rsplit(' ');
    let mut numbers = words.map(|word| word.parse().expect("a number"));
    let (file, count) = (numbers.next(), numbers.next());
    (count.expect("a counter"), file.expect("a file"))
}
