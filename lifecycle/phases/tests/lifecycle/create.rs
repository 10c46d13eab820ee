//! Whole builds.

use phases::{Event, LayerAction};

use crate::world::World;

/// Has a layer that is kept when its toml says so, and a default process.
const KEEPS: &str = r#"
layers=$1
if grep -q 'v = 1' "$layers/tool.toml" 2>/dev/null; then
  echo kept
else
  echo made
  mkdir -p "$layers/tool/bin" && echo tool > "$layers/tool/bin/tool"
fi
printf '[types]\nlaunch = true\n[metadata]\nv = 1\n' > "$layers/tool.toml"
printf '[[processes]]\ntype = "web"\ncommand = ["run"]\ndefault = true\n' > "$layers/launch.toml"
"#;

/// Has a layer that only builds need.
const CACHES: &str = r#"
layers=$1
test -f "$layers/wheels/w" && echo cached || { mkdir "$layers/wheels" && echo w > "$layers/wheels/w"; echo new; }
printf '[types]\ncache = true\nbuild = true\n' > "$layers/wheels.toml"
"#;

fn app() -> World {
    let mut world = World::new();
    world.write("workspace/app.py", "print('hello')\n");
    world.buildpack("org/tool", "exit 0", KEEPS);
    world.group(&["org/tool"]);
    world
}

fn diff_ids(image: &oci::Image) -> Vec<String> {
    image
        .layers()
        .iter()
        .map(|layer| layer.diff_id.to_string())
        .collect()
}

#[test]
fn the_image_starts_the_default_process_on_top_of_the_run_image() {
    let world = app();
    let image = world.create(None).unwrap();
    let config = image.config();
    assert_eq!(config.entrypoint(), ["/cnb/process/web"]);
    assert_eq!(config.user(), Some("1002:1000"));
    assert_eq!(
        config.env_value("PATH"),
        Some("/cnb/process:/cnb/lifecycle:/usr/bin")
    );
    let texts: Vec<String> = config
        .history()
        .into_iter()
        .filter_map(|entry| entry.created_by)
        .collect();
    assert_eq!(
        texts,
        [
            "base",
            "Layer: 'tool', Created by buildpack: org/tool@1",
            "Software Bill-of-Materials",
            "Application Layer",
            "Buildpacks Application Launcher",
            "Buildpacks Launcher Config",
            "Buildpacks Process Types",
        ]
    );
}

#[test]
fn the_same_source_gives_the_same_image_wherever_it_is_built() {
    // The names of the folders are part of the image, so both builds use the same ones.
    let world = app();
    let first = world.create(None).unwrap();
    world.forget_layers();
    let second = world.create(None).unwrap();
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn a_layer_that_the_buildpack_keeps_is_taken_from_the_last_image() {
    let world = app();
    let first = world.create(None).unwrap();
    world.forget_layers();
    world.write("workspace/app.py", "print('changed')\n");
    let second = world.create(None).unwrap();
    assert_eq!(world.heard.lines(), ["made", "kept"]);
    let (first, second) = (diff_ids(&first), diff_ids(&second));
    let same: Vec<bool> = first.iter().zip(&second).map(|(a, b)| a == b).collect();
    // Only the application's layer is new.
    assert_eq!(same, [true, true, true, false, true, true, true]);
    let reused = |event: &Event| matches!(event, Event::Layer { id, action: LayerAction::Reused, .. } if id == "org/tool:tool");
    assert!(world.heard.all().iter().any(reused));
}

#[test]
fn a_cached_layer_comes_back_with_its_contents() {
    let mut world = World::new();
    world.buildpack("caches", "exit 0", CACHES);
    world.group(&["caches"]);
    let cache = world.at("cache");
    std::fs::create_dir(&cache).unwrap();
    world.create(Some(&cache)).unwrap();
    world.forget_layers();
    let image = world.create(Some(&cache)).unwrap();
    assert_eq!(world.heard.lines(), ["new", "cached"]);
    assert!(!image.config().history().iter().any(|entry| {
        entry
            .created_by
            .as_deref()
            .is_some_and(|text| text.contains("wheels"))
    }));
}

#[test]
fn a_failing_buildpack_is_named_and_leaves_no_image() {
    let mut world = World::new();
    world.buildpack("fails", "exit 0", "echo no space >&2; exit 7");
    world.group(&["fails"]);
    let error = world.create(None).unwrap_err();
    assert_eq!((error.code(), error.buildpack()), (51, Some("fails@1")));
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "exit status 7"
    );
    assert_eq!(world.heard.lines(), ["no space"]);
    assert!(
        oci::Images::find(
            &*world.store,
            &oci::Reference::parse("app.invalid/app:1").unwrap()
        )
        .unwrap()
        .is_none()
    );
}
