//! Every sample is built, run and asked over HTTP, by the caller and by an ordinary user.

use harness::{Signal, World};

use crate::shop::{LAUNCHER, Who, build, fresh_world, run_and_ask, shared_world};

#[test]
fn samples_answer_to_the_caller() {
    every_sample_answers(&shared_world());
}

#[test]
fn samples_answer_to_an_ordinary_user() {
    if !harness::is_root() {
        // The caller is one.
        return;
    }
    every_sample_answers(&fresh_world(Who::Ordinary));
}

fn every_sample_answers(world: &World) {
    python_requirements(world);
    procfile_web_worker(world);
    custom_buildpack_bash(world);
}

fn python_requirements(world: &World) {
    build(world, "python-requirements", "hello", &[]);
    let (child, answer) = run_and_ask(world, "hello", &[], "/");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("Hello"), "{}", answer.body);
    assert_small(world, "hello");
    let status = child.end_with(Signal::INT);
    assert!(
        matches!(status, Some(0 | 130)),
        "Ctrl-C ends the process and its status goes on: {status:?}"
    );
}

fn procfile_web_worker(world: &World) {
    build(world, "procfile-web-worker", "two", &[]);
    let (child, answer) = run_and_ask(world, "two", &[], "/");
    assert_eq!(answer.status, 200, "{}", answer.body);
    drop(child);
    let worker = world.run(&["run", "two", "--process", "worker", "--", "--once"]);
    assert_eq!(worker.code, Some(0), "{}", worker.stderr);
    assert!(
        worker.stdout.contains("one piece of work is done"),
        "{}",
        worker.stdout
    );
}

fn custom_buildpack_bash(world: &World) {
    let sample = world.copy(
        &harness::repository().join("samples/custom-buildpack-bash"),
        "custom",
    );
    let (app, buildpack) = (sample.join("app"), sample.join("buildpack"));
    let [app, buildpack] = [&app, &buildpack].map(|path| path.to_str().expect("UTF-8"));
    world
        .run(&["build", app, "-t", "custom", "--buildpack", buildpack])
        .success();
    let (_child, answer) = run_and_ask(world, "custom", &[], "/");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.body.contains("Hello from a buildpack in shell"),
        "{}",
        answer.body
    );
}

/// The sizes we promise: run image ≤ 22 MB, the sample ≤ 30 MB, launcher ≤ 0.7 MB, nothing stored twice.
fn assert_small(world: &World, name: &str) {
    let told = world.run(&["inspect", name, "--json"]).success().stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let bytes = |value: &serde_json::Value| value["bytes"].as_u64().expect("a size in bytes");
    let efficiency = told["efficiency"]["score"].as_f64().expect("a score");
    let (image, run_image) = (bytes(&told), bytes(&told["run_image"]));
    let launcher = LAUNCHER.len();
    // Without musl the launcher carries glibc.
    let glibc = b"GNU C Library";
    let carries_glibc = LAUNCHER.windows(glibc.len()).any(|part| part == glibc);
    let allowed = if carries_glibc { 1_400_000 } else { 700_000 };
    let sizes = format!(
        "image {image}, run image {run_image}, launcher {launcher} bytes, efficiency {efficiency}"
    );
    println!("{sizes}");
    assert!(run_image <= 22_000_000 && image <= 30_000_000, "{sizes}");
    assert!(launcher <= allowed, "{sizes}");
    assert!(efficiency >= 0.995, "{sizes}");
}
