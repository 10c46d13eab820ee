//! Jobs, as host and agent use them.

use std::path::Path;

use cnb::{Environment, ImageTarget, PlatformApi, SystemToml};
use phases::{Job, Plain, Silent, Work, job, run_job};

use crate::world::World;

fn job(world: &World, work: Work) -> Job {
    let results = world.at("results");
    std::fs::create_dir_all(&results).unwrap();
    let job = Job {
        dirs: world.dirs.clone(),
        api: PlatformApi::LATEST.to_string(),
        exec_env: String::new(),
        target: ImageTarget::default(),
        results,
        scratch: world.at("tmp"),
        work,
    };
    let json = serde_json::to_string(&job).unwrap();
    let read: Job = serde_json::from_str(&json).unwrap();
    assert_eq!(read, job, "a job survives job.json");
    read
}

fn run(job: &Job) -> phases::Result<()> {
    let environ = Environment::new([("PATH".into(), "/usr/bin:/bin".into())]);
    run_job(job, &environ, &Plain, &Silent)
}

#[test]
fn detect_and_build_hand_their_results_over_in_files() {
    let mut world = World::new();
    let plan = "printf '[[provides]]\\nname = \"x\"\\n[[requires]]\\nname = \"x\"\\n[requires.metadata]\\nn = 7\\nat = 2024-01-02\\n' > $2";
    let build = "printf '[[processes]]\\ntype = \"web\"\\ncommand = [\"run\"]\\n' > $1/launch.toml; grep -q 'n = 7' $3";
    world.buildpack("a", plan, build);
    world.group(&["a"]);
    let detect = job(&world, Work::detect(&world.order(), &SystemToml::default()));
    run(&detect).unwrap();
    let (group, plan) = job::detected(&detect.results).unwrap();
    assert_eq!(group.buildpacks[0].to_string(), "a@1");

    let build = job(&world, Work::build(&group, &plan));
    run(&build).unwrap();
    let metadata = job::built(&build.results, PlatformApi::LATEST).unwrap();
    assert_eq!(metadata.processes[0].process_type, "web");
    assert_eq!(job::failure(&build.results).unwrap(), None);
}

#[test]
fn a_failure_is_handed_over_with_code_causes_and_buildpack() {
    let mut world = World::new();
    world.buildpack("a", "exit 0", "exit 9");
    world.group(&["a"]);
    let detect = job(&world, Work::detect(&world.order(), &SystemToml::default()));
    run(&detect).unwrap();
    let (group, plan) = job::detected(&detect.results).unwrap();
    let build = job(&world, Work::build(&group, &plan));
    run(&build).unwrap_err();
    let failure = job::failure(&build.results).unwrap().unwrap();
    assert_eq!(
        (failure.code, failure.buildpack.as_deref()),
        (51, Some("a@1"))
    );
    assert_eq!(failure.chain, ["running bin/build of a@1", "exit status 9"]);
}

#[test]
fn results_that_are_none_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    assert!(job::detected(dir.path()).is_err());
    assert_eq!(job::failure(dir.path()).unwrap(), None);
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("group.toml")).unwrap();
    std::fs::write(dir.path().join("failure.json"), "{").unwrap();
    assert!(job::detected(dir.path()).is_err());
    assert!(job::failure(dir.path()).is_err());
    assert!(job::built(Path::new("/nowhere"), PlatformApi::LATEST).is_err());
}
