//! The binary as others call it.

use std::fs;
use std::path::Path;
use std::process::Command;

const LIFECYCLE: &str = env!("CARGO_BIN_EXE_lifecycle");

#[test]
fn install_writes_the_buildpacks_with_links_to_the_binary_and_their_order() {
    let folder = tempfile::tempdir().unwrap();
    harness::run(Command::new(LIFECYCLE).arg("install").arg(folder.path())).success();
    // A second time is harmless.
    harness::run(Command::new(LIFECYCLE).arg("install").arg(folder.path())).success();
    for id in ["slipway_python", "slipway_pip", "slipway_procfile"] {
        let buildpack = folder.path().join(id).join("0.1.0");
        assert!(buildpack.join("buildpack.toml").is_file());
        for program in ["detect", "build"] {
            let target = fs::read_link(buildpack.join("bin").join(program)).unwrap();
            assert_eq!(target, Path::new("/cnb/lifecycle/lifecycle"));
        }
    }
    let order = fs::read_to_string(folder.path().join("order.toml")).unwrap();
    let order = cnb::Order::parse(&order, Path::new("order.toml")).unwrap();
    let groups: Vec<Vec<String>> = order
        .groups
        .iter()
        .map(|group| {
            let shown = |optional: bool| if optional { "?" } else { "" };
            group
                .group
                .iter()
                .map(|e| format!("{}{}", e.id, shown(e.optional)))
                .collect()
        })
        .collect();
    assert_eq!(
        groups[0],
        ["slipway/python", "slipway/pip", "slipway/procfile?"]
    );
    assert_eq!(groups[1], ["slipway/python?", "slipway/procfile"]);
}

#[test]
fn called_through_a_link_the_binary_is_the_buildpack_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    harness::run(Command::new(LIFECYCLE).arg("install").arg(folder.path())).success();
    let buildpack = folder.path().join("slipway_procfile/0.1.0");
    let detect = buildpack.join("bin/detect");
    fs::remove_file(&detect).unwrap();
    std::os::unix::fs::symlink(LIFECYCLE, &detect).unwrap();
    let app = folder.path().join("app");
    fs::create_dir(&app).unwrap();
    let call = |env: &[(&str, &Path)]| {
        let plan = folder.path().join("plan.toml");
        let mut command = Command::new(&detect);
        command
            .current_dir(&app)
            .args([&app, &plan])
            .envs(env.iter().copied());
        harness::run(&mut command)
    };
    // By the link's own folder, and by the variable.
    for env in [&[][..], &[("CNB_BUILDPACK_DIR", buildpack.as_path())]] {
        let outcome = call(env);
        assert_eq!(
            outcome.code,
            Some(100),
            "{}{}",
            outcome.stdout,
            outcome.stderr
        );
        assert!(
            outcome.stdout.starts_with("Procfile not found\n"),
            "{}",
            outcome.stdout
        );
    }
    fs::write(app.join("Procfile"), "web: python app.py\n").unwrap();
    assert_eq!(call(&[]).code, Some(0));
}

#[test]
fn a_wrong_call_says_how_it_is_right() {
    let outcome = harness::run(Command::new(LIFECYCLE).arg("frobnicate"));
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.starts_with("usage: lifecycle install"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stdout.is_empty());
}

#[test]
fn the_agent_wants_a_pipe_for_its_events_and_a_job() {
    let outcome = harness::run(Command::new(LIFECYCLE).arg("agent"));
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("file descriptor 3"),
        "{}",
        outcome.stderr
    );
    // The shell's fd 3 is the write end of a pipe; there is no job on this machine.
    let script = "{ \"$0\" agent 3>&1 >/dev/null | cat; }";
    let outcome = harness::run(Command::new("sh").args(["-c", script, LIFECYCLE]));
    assert!(
        outcome.stderr.contains("reading /slipway/job.json"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_order_is_that_of_the_python_builder() {
    let folder = tempfile::tempdir().unwrap();
    harness::run(Command::new(LIFECYCLE).arg("install").arg(folder.path())).success();
    let order_of = |path: &Path| {
        let table: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
        let groups = table["order"].as_array().unwrap().clone();
        let elements = |group: &toml::Value| {
            let elements = group["group"].as_array().unwrap().clone();
            elements
                .iter()
                .map(|element| (element["id"].clone(), element.get("optional").cloned()))
                .collect::<Vec<_>>()
        };
        groups.iter().map(elements).collect::<Vec<_>>()
    };
    let builder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../builders/python/builder.toml");
    assert_eq!(
        order_of(&folder.path().join("order.toml")),
        order_of(&builder)
    );
}
