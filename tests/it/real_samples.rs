//! Every sample is built, run and asked over HTTP, by the caller and by an ordinary user.

use harness::Signal;

use crate::shop::{build, everybody, run_and_ask, world};

#[test]
fn python_requirements_answers() {
    for who in everybody() {
        let world = world(who);
        build(&world, "python-requirements", "hello", &[]);
        let (child, answer) = run_and_ask(&world, "hello", &[], "/");
        assert_eq!(answer.status, 200, "{who:?}: {}", answer.body);
        assert!(answer.body.contains("Hello"), "{}", answer.body);
        let status = child.end_with(Signal::INT);
        assert!(
            matches!(status, Some(0 | 130)),
            "Ctrl-C ends the process, its status goes on: {status:?}"
        );
    }
}

#[test]
fn procfile_web_and_worker_both_start() {
    for who in everybody() {
        let world = world(who);
        build(&world, "procfile-web-worker", "two", &[]);
        let (child, answer) = run_and_ask(&world, "two", &[], "/");
        assert_eq!(answer.status, 200, "{}", answer.body);
        drop(child);
        let worker = world.run(&["run", "two", "--process", "worker", "--", "--once"]);
        assert_eq!(worker.code, Some(0), "{}", worker.stderr);
    }
}

#[test]
fn a_buildpack_in_bash_works_the_same_way() {
    for who in everybody() {
        let world = world(who);
        let sample = world.copy(
            &harness::repository().join("samples/custom-buildpack-bash"),
            "custom",
        );
        let app = sample.join("app");
        let buildpack = sample.join("buildpack");
        let paths = [
            app.to_str().expect("UTF-8"),
            buildpack.to_str().expect("UTF-8"),
        ];
        world
            .run(&["build", paths[0], "-t", "custom", "--buildpack", paths[1]])
            .success();
        let (_child, answer) = run_and_ask(&world, "custom", &[], "/");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}
