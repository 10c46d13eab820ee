//! The wheel store: another application gets the very image that uv and Python make, and nothing that somebody else's code has touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use harness::World;
use serde_json::Value;

use crate::shop::{Who, everybody, fresh_world, shared_world};

/// Programs, data beside modules, compiled modules, a package in several folders, and one module alone.
const REQUIREMENTS: &str =
    "django==5.2.8\nmarkupsafe==3.0.3\nnumpy==2.3.4\nsix==1.17.0\nzope.interface==8.0.1\n";

#[test]
fn another_application_gets_the_same_layer_as_from_uv_and_python_alone() {
    for who in everybody() {
        let world = fresh_world(who);
        let cold = build(&world, "cold", REQUIREMENTS, &[]);
        assert!(cold.contains(": 0 from the wheel store"), "{cold}");
        let warm = build(&world, "warm", REQUIREMENTS, &[]);
        assert!(
            warm.contains(" from the wheel store, 0 to install"),
            "{warm}"
        );
        assert!(
            !warm.contains("Fetching uv") && !warm.contains("Compiling"),
            "{warm}"
        );
        assert_eq!(digest(&world, "warm"), digest(&world, "cold"), "{who:?}");

        // The variable changes nothing but that the store is not asked.
        let alone = build(&world, "alone", REQUIREMENTS, &["--env", "UV_NO_SOURCES=1"]);
        assert!(!alone.contains("wheel store"), "{alone}");
        assert_eq!(layers(&world, "alone"), layers(&world, "cold"), "{who:?}");

        let part = build(&world, "part", &format!("{REQUIREMENTS}idna==3.11\n"), &[]);
        assert!(
            part.contains(" from the wheel store, 1 to install"),
            "{part}"
        );
        let whole = format!("{REQUIREMENTS}idna==3.11\n");
        build(&world, "part-alone", &whole, &["--env", "UV_NO_SOURCES=1"]);
        assert_eq!(
            layers(&world, "part"),
            layers(&world, "part-alone"),
            "{who:?}"
        );
    }
}

#[test]
fn what_is_broken_or_gone_is_made_again_and_the_image_is_the_same() {
    let world = fresh_world(Who::Caller);
    build(&world, "one", REQUIREMENTS, &[]);
    let files = files(&world, "files");
    let of = |name: &str| {
        let mut found = files.iter().filter(|file| file.ends_with(name));
        found.next().expect("a file of the store").clone()
    };
    flip(&of("numpy/version.py"));
    flip(&of("__pycache__/six.cpython-313.pyc"));
    fs::remove_file(of("django/shortcuts.py")).unwrap();
    let list = of("markupsafe/py.typed");
    let entry = list.ancestors().find(|folder| folder.ends_with("files"));
    flip(&entry.unwrap().with_file_name("list"));

    let mended = build(&world, "two", REQUIREMENTS, &[]);
    assert!(mended.contains(", 4 to install"), "{mended}");
    assert_eq!(digest(&world, "two"), digest(&world, "one"));
    let whole = build(&world, "three", REQUIREMENTS, &[]);
    assert!(whole.contains(", 0 to install"), "{whole}");

    world.run(&["cache", "prune"]).success();
    assert_eq!(self::files(&world, "list").len(), 0);
    let anew = build(&world, "four", REQUIREMENTS, &[]);
    assert!(anew.contains(": 0 from the wheel store"), "{anew}");
    assert_eq!(digest(&world, "four"), digest(&world, "one"));
}

#[test]
fn a_package_that_is_built_adds_nothing_to_the_store() {
    let world = fresh_world(Who::Caller);
    let log = build(&world, "built", "docopt==0.6.2\nsix==1.17.0\n", &[]);
    assert!(!log.contains("wheel store"), "{log}");
    assert_eq!(files(&world, "list").len(), 0);
}

const LOOKS: &str = "#!/bin/sh\nls -d /slipway* /workspace\n";
const TOML: &str = "api = \"0.12\"\n[buildpack]\nid = \"test/looks\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";

#[test]
fn with_somebody_elses_buildpack_the_store_is_not_there() {
    let world = shared_world();
    for (name, text) in [
        ("buildpack.toml", TOML),
        ("bin/detect", "#!/bin/sh\n"),
        ("bin/build", LOOKS),
    ] {
        let file = world.path("buildpack").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let buildpack = world.path("buildpack");
    let args = ["slipway/python", "slipway/pip", buildpack.to_str().unwrap()];
    let args: Vec<&str> = args.iter().flat_map(|id| ["--buildpack", id]).collect();
    let log = build(&world, "looks", "six==1.17.0\n", &args);
    assert!(
        log.contains("/workspace") && !log.contains("] /slipway-"),
        "{log}"
    );
    assert!(!log.contains("wheel store"), "{log}");
}

/// Builds an application of these requirements; returns the log.
fn build(world: &World, name: &str, requirements: &str, more: &[&str]) -> String {
    let app = world.path(name);
    fs::create_dir(&app).expect("it works here");
    fs::write(app.join("requirements.txt"), requirements).expect("it works here");
    fs::write(app.join("Procfile"), "web: python -c 1\n").expect("it works here");
    for entry in fs::read_dir(&app).expect("it works here") {
        world.give(&entry.expect("it works here").path());
    }
    world.give(&app);
    let app = app.to_str().expect("it works here");
    let args = [&["build", app, "-t", name], more].concat();
    world.run(&args).success().stderr
}

fn inspect(world: &World, name: &str) -> Value {
    let told = world.run(&["inspect", name, "--json"]).success().stdout;
    serde_json::from_str(&told).expect("JSON")
}

fn digest(world: &World, name: &str) -> Value {
    inspect(world, name)["digest"].clone()
}

/// The layers of the base image and of the buildpacks.
fn layers(world: &World, name: &str) -> Vec<Value> {
    let told = inspect(world, name);
    let layers = told["layers"].as_array().expect("layers").iter();
    let diff_ids: Vec<Value> = layers.map(|layer| layer["diff_id"].clone()).collect();
    assert!(diff_ids.iter().all(Value::is_string), "{told:#}");
    diff_ids
}

/// Files of the wheel store that have `name` for theirs or for that of a folder above them.
fn files(world: &World, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![world.state().join("wheels")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the store") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            if entry.file_type().expect("its type").is_dir() {
                waiting.push(path);
            } else if path.iter().any(|part| part == name) {
                found.push(path);
            }
        }
    }
    found
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("it works here");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("it works here");
}
