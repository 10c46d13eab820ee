//! Large packages lie in layers of their own: everything is found as if they did not, and a changed one changes its layer only.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::{World, repository};
use serde_json::Value;

use crate::shop::{run_and_ask, shared_world};

/// What Python can find out about its packages.
const PROBE: &str = r#"
import importlib.metadata, importlib.resources, os, sys
distributions = list(importlib.metadata.distributions())
missing = [str(file) for one in distributions for file in one.files if not file.locate().exists()]
assert not missing, missing
import django, joblib, numpy, numpy.testing, pandas, scipy.linalg, scipy.stats, sklearn.ensemble, sqlparse
site, = [path for path in sys.path if path.endswith("site-packages")]
assert numpy.__file__ == site + "/numpy/__init__.py", numpy.__file__
assert numpy.ones.__code__.co_filename.startswith(site), numpy.ones.__code__.co_filename
assert numpy.__spec__.cached and os.path.exists(numpy.__spec__.cached)
assert os.path.islink(site + "/numpy")
assert importlib.resources.files("sklearn.datasets.data").joinpath("iris.csv").is_file()
assert importlib.metadata.version("scikit_learn") == sklearn.__version__
assert not os.system("django-admin --version > /dev/null && f2py -v > /dev/null && gunicorn --version > /dev/null")
print(len(distributions), "distributions")
"#;

#[test]
fn a_changed_package_changes_its_own_layer_and_all_are_found() {
    let world = shared_world();
    let app = world.copy(&repository().join("samples/python-scientific"), "app");
    fs::write(app.join("probe.py"), PROBE).expect("a file");
    without_hashes(&app.join("requirements.txt"));

    let before = build(&world, "slices-one", &[]);
    let (child, answer) = run_and_ask(&world, "slices-one", &[], "/");
    let told = r#"{"points": 100, "slope": 3.0, "mean": 49.5}"#;
    assert!(answer.body.contains(told), "{}", answer.body);
    drop(child);
    let probed = world.run(&["run", "slices-one", "--", "python", "probe.py"]);
    assert_eq!(probed.success().stdout, "15 distributions\n");
    let all: usize = before.values().map(Vec::len).sum();
    assert!(all <= 40, "{all} layers");

    // Everything is installed and compiled anew: what is equal is so because it is reproducible.
    edit(
        &app.join("requirements.txt"),
        "django==5.2.7",
        "django==5.2.8",
    );
    let after = build(&world, "slices-two", &[]);
    assert_eq!(
        changed(&before, &after),
        [
            "application",
            "slipway/pip:package-django",
            "slipway/pip:venv"
        ]
    );
    let (bytes, all) = (packages(&before, Some(&after)), packages(&before, None));
    println!("a new Django: {bytes} of {all} bytes");
    assert!(bytes * 4 <= all, "{bytes} of {all}");

    // Nothing is installed: the layers of the last build are named again, though their folders are not there.
    edit(&app.join("app.py"), "100.0", "50.0");
    let edited = build(&world, "slices-two", &[]);
    assert_eq!(changed(&after, &edited), ["application"]);
}

/// Below the bound, and wanted all the same. A later buildpack needs the packages, too: they come out of the cache.
#[test]
fn packages_in_layers_of_their_own_are_there_for_later_buildpacks() {
    let world = shared_world();
    let app = world.copy(&repository().join("samples/python-requirements"), "app");
    let buildpack = world.path("buildpack");
    let bin = buildpack.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    let toml = "api = \"0.12\"\n[buildpack]\nid = \"test/imports\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";
    fs::write(buildpack.join("buildpack.toml"), toml).expect("a file");
    let plan = "[[requires]]\nname = \"site-packages\"\n[requires.metadata]\nbuild = true\n";
    program(
        &bin.join("detect"),
        &format!("cat > \"$CNB_BUILD_PLAN_PATH\" <<'X'\n{plan}X"),
    );
    program(
        &bin.join("build"),
        "python -c 'import flask, requests, os; print(\"imported\", os.path.islink(flask.__path__[0]))'",
    );
    let buildpack = buildpack.to_str().expect("UTF-8");
    let more = [
        &["--env", "BP_PYTHON_SLICES=always"][..],
        &[
            "--buildpack",
            "slipway/python",
            "--buildpack",
            "slipway/pip",
        ],
        &["--buildpack", buildpack, "--buildpack", "slipway/procfile"],
    ]
    .concat();
    for page in ["Hello", "Hello again"] {
        edit(&app.join("app.py"), "Hello", page);
        let app = app.to_str().expect("UTF-8");
        let args = [&["build", app, "-t", "slices-build"], &more[..]].concat();
        let built = world.run(&args).success();
        assert!(built.stderr.contains("imported True"), "{}", built.stderr);
        let reused = built.stderr.contains("Reusing the packages");
        assert_eq!(reused, page == "Hello again", "{}", built.stderr);
    }
    let (_child, answer) = run_and_ask(&world, "slices-build", &[], "/");
    assert!(answer.body.contains("Hello again"), "{}", answer.body);
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\nset -e\n{script}\n")).expect("a program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// Takes the hashes away, so that another version can be asked for.
fn without_hashes(requirements: &Path) {
    let text = fs::read_to_string(requirements).expect("requirements");
    let pins = text.lines().filter_map(|line| line.strip_suffix(" \\"));
    let pins: Vec<&str> = pins.filter(|line| line.contains("==")).collect();
    fs::write(requirements, pins.join("\n") + "\n").expect("a file");
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(file, text.replace(from, to)).expect("writing");
}

/// Layers by what they hold: digests and sizes, compressed.
type Layers = BTreeMap<String, Vec<(String, u64)>>;

fn build(world: &World, name: &str, more: &[&str]) -> Layers {
    let app = world.path("app");
    let app = app.to_str().expect("UTF-8");
    world
        .run(&[&["build", app, "-t", name], more].concat())
        .success();
    let told = world.run(&["inspect", name, "--json"]).success().stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let mut layers = Layers::new();
    for layer in told["layers"].as_array().expect("layers") {
        let text = |name: &str| layer[name].as_str().expect(name).to_owned();
        let bytes = layer["bytes"].as_u64().expect("a size");
        layers
            .entry(text("holds"))
            .or_default()
            .push((text("digest"), bytes));
    }
    layers
}

fn changed<'a>(before: &'a Layers, after: &'a Layers) -> Vec<&'a str> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<&str> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .map(String::as_str)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// Bytes of the layers with packages; only of those that changed when there is something to compare with.
fn packages(before: &Layers, after: Option<&Layers>) -> u64 {
    let layers = before
        .iter()
        .filter(|(holds, layers)| {
            holds.starts_with("slipway/pip:")
                && after.is_none_or(|after| after.get(*holds) != Some(*layers))
        })
        .flat_map(|(_, layers)| layers);
    layers.map(|(_, bytes)| bytes).sum()
}
