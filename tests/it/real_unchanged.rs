//! A rebuild of what has not changed answers with the last image; whatever changed is built.
//!
//! The buildpack of these tests never makes the same twice, so an equal digest says that it did not run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{World, run};
use snapbox::{assert_data_eq, file};

use crate::shop::shared_world;

/// A source, a buildpack and an image name of one test.
struct Project {
    world: World,
    name: &'static str,
    app: PathBuf,
    buildpack: PathBuf,
}

/// What `slipway build` answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    digest: String,
    unchanged: bool,
}

fn project(name: &'static str) -> Project {
    let world = shared_world();
    let (app, buildpack) = (world.path("app"), world.path("buildpack"));
    fs::create_dir_all(app.join("folder")).expect("a folder");
    fs::write(app.join("page.txt"), "one").expect("a file");
    symlink("page.txt", app.join("link")).expect("a link");
    fs::create_dir_all(buildpack.join("bin")).expect("a folder");
    let toml = "api = \"0.12\"\n[buildpack]\nid = \"test/dice\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n";
    fs::write(buildpack.join("buildpack.toml"), toml).expect("a file");
    program(&buildpack.join("bin/detect"), "exit 0");
    let build = "mkdir \"$CNB_LAYERS_DIR/dice\"
        cat /proc/sys/kernel/random/uuid > \"$CNB_LAYERS_DIR/dice/thrown\"
        printf '[types]\\nlaunch = true\\n' > \"$CNB_LAYERS_DIR/dice.toml\"";
    program(&buildpack.join("bin/build"), build);
    Project {
        world,
        name,
        app,
        buildpack,
    }
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\nset -e\n{script}\n")).expect("a program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

impl Project {
    fn command(&self, more: &[&str]) -> Command {
        let [app, buildpack] =
            [&self.app, &self.buildpack].map(|path| path.to_str().expect("UTF-8"));
        let args = ["build", app, "-t", self.name, "--buildpack", buildpack];
        self.world.slipway(&[&args, more].concat())
    }

    fn build(&self, more: &[&str]) -> Answer {
        answer(&mut self.command(more))
    }

    /// The digest that a name has in the store.
    fn stored(&self, name: &str) -> Option<String> {
        let told = self.world.run(&["inspect", name, "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told.stdout).ok()?;
        Some(told["digest"].as_str()?.to_owned())
    }

    /// Asserts that a build after `change` is a new one, and that the one after that is not.
    fn rebuilds_after(&self, change: impl FnOnce(&Project)) {
        let before = self.build(&[]);
        change(self);
        let after = self.build(&[]);
        assert!(!after.unchanged, "the change is noticed");
        assert_ne!(after.digest, before.digest, "the buildpack ran");
        self.is_unchanged_since(&after, &[]);
    }

    fn is_unchanged_since(&self, before: &Answer, more: &[&str]) {
        let again = self.build(more);
        assert!(again.unchanged, "{again:?}");
        assert_eq!(again.digest, before.digest);
        assert_eq!(self.stored(self.name), Some(again.digest));
    }
}

fn answer(command: &mut Command) -> Answer {
    let told = run(command).success();
    let (_, digest) = told.stdout.trim().rsplit_once('@').expect("NAME@DIGEST");
    Answer {
        digest: digest.to_owned(),
        unchanged: told.stderr.contains("Unchanged"),
    }
}

#[test]
fn what_has_not_changed_is_not_built_again() {
    let project = project("unchanged-same");
    let first = project.build(&[]);
    assert!(!first.unchanged);
    project.is_unchanged_since(&first, &[]);

    let told = run(&mut project.command(&[])).success();
    assert_data_eq!(told.stderr, file!["../golden/unchanged.txt"]);
    let json = run(&mut project.command(&["--json"])).success().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["bytes", "digest", "layers", "names", "processes"]);
    assert_eq!(json["digest"], first.digest);
}

#[test]
fn times_and_what_never_goes_into_a_build_do_not_matter() {
    let project = project("unchanged-times");
    let first = project.build(&[]);
    fs::write(project.app.join("page.txt"), "one").unwrap();
    fs::create_dir(project.app.join(".git")).unwrap();
    fs::write(project.app.join(".git/HEAD"), "x").unwrap();
    project.is_unchanged_since(&first, &[]);
    // A copy of the source elsewhere is the same source.
    let copy = project.world.copy(&project.app, "elsewhere");
    let moved = Project {
        app: copy,
        ..project
    };
    moved.is_unchanged_since(&first, &[]);
}

#[test]
fn every_change_of_the_source_is_built() {
    let project = project("unchanged-source");
    project.rebuilds_after(|project| fs::write(project.app.join("page.txt"), "two").unwrap());
    project.rebuilds_after(|project| fs::write(project.app.join("new.txt"), "").unwrap());
    project.rebuilds_after(|project| fs::remove_file(project.app.join("new.txt")).unwrap());
    project.rebuilds_after(|project| fs::create_dir(project.app.join("empty")).unwrap());
    project.rebuilds_after(|project| {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(project.app.join("page.txt"), mode).unwrap();
    });
    project.rebuilds_after(|project| {
        fs::remove_file(project.app.join("link")).unwrap();
        symlink("folder", project.app.join("link")).unwrap();
    });
}

#[test]
fn another_content_of_the_same_size_and_time_is_built() {
    let project = project("unchanged-ctime");
    let page = project.app.join("page.txt");
    // So old that the file is remembered instead of read.
    std::thread::sleep(std::time::Duration::from_secs(4));
    project.rebuilds_after(|_| {
        let modified = fs::metadata(&page).unwrap().modified().unwrap();
        fs::write(&page, "eno").unwrap();
        let file = fs::File::open(&page).unwrap();
        file.set_modified(modified).unwrap();
    });
}

#[test]
fn a_changed_buildpack_is_run() {
    let project = project("unchanged-buildpack");
    project.rebuilds_after(|project| {
        fs::write(project.buildpack.join("data.txt"), "x").unwrap();
    });
}

#[test]
fn changed_options_and_surroundings_are_built() {
    let project = project("unchanged-options");
    let first = project.build(&[]);
    let mut digests = vec![first.digest];
    let changes: [(&[&str], (&str, &str)); 6] = [
        (&["-e", "A=1"], ("", "")),
        (&["-e", "A=2"], ("", "")),
        (&["--offline"], ("", "")),
        (&[], ("SOURCE_DATE_EPOCH", "1700000000")),
        (&[], ("PIP_INDEX_URL", "https://packages.invalid/simple")),
        (&[], ("no_proxy", "packages.invalid")),
    ];
    for (args, (variable, value)) in changes {
        let build = || {
            let mut command = project.command(args);
            if !variable.is_empty() {
                command.env(variable, value);
            }
            answer(&mut command)
        };
        let changed = build();
        assert!(!changed.unchanged, "{args:?} {variable}");
        assert!(!digests.contains(&changed.digest), "{args:?} {variable}");
        let again = build();
        assert!(again.unchanged, "{args:?} {variable}");
        assert_eq!(again.digest, changed.digest);
        digests.push(changed.digest);
    }
}

#[test]
fn a_cleared_cache_builds_again() {
    let project = project("unchanged-cleared");
    let first = project.build(&[]);
    let cleared = project.build(&["--clear-cache"]);
    assert!(!cleared.unchanged);
    assert_ne!(cleared.digest, first.digest);
    project.is_unchanged_since(&cleared, &[]);
}

#[test]
fn a_removed_image_is_built_again() {
    let project = project("unchanged-removed");
    project.rebuilds_after(|project| {
        project.world.run(&["image", "rm", project.name]).success();
    });
}

#[test]
fn names_are_given_again_without_building() {
    let project = project("unchanged-names");
    let first = project.build(&[]);
    let both = ["-t", "unchanged-names:2"];
    project.is_unchanged_since(&first, &both);
    assert_eq!(
        project.stored("unchanged-names:2"),
        Some(first.digest.clone())
    );
    project
        .world
        .run(&["image", "rm", "unchanged-names:2"])
        .success();
    project.is_unchanged_since(&first, &both);
    assert_eq!(
        project.stored("unchanged-names:2"),
        Some(first.digest.clone())
    );
    // Another build takes the second name away; the first one's record does not mind.
    let other = Project {
        name: "unchanged-names:2",
        world: shared_world(),
        app: project.app.clone(),
        buildpack: project.buildpack.clone(),
    };
    assert_ne!(other.build(&[]).digest, first.digest);
    project.is_unchanged_since(&first, &both);
    assert_eq!(project.stored("unchanged-names:2"), Some(first.digest));
}

#[test]
fn further_outputs_are_written_without_building() {
    let project = project("unchanged-outputs");
    let first = project.build(&[]);
    let folder = project.world.path("layout");
    let output = format!("oci:{}", folder.display());
    let again = project.build(&["-o", &output]);
    assert!(again.unchanged);
    assert_eq!(again.digest, first.digest);
    let index = fs::read_to_string(folder.join("index.json")).unwrap();
    assert!(index.contains(&first.digest), "{index}");
}

#[test]
fn builds_at_the_same_time_leave_an_image_that_was_built() {
    let project = project("unchanged-together");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let builds: Vec<_> = (0..3).map(|_| scope.spawn(|| project.build(&[]))).collect();
        builds
            .into_iter()
            .map(|build| build.join().unwrap())
            .collect()
    });
    let stored = project.stored(project.name).unwrap();
    assert!(answers.iter().any(|answer| answer.digest == stored));
    let next = project.build(&[]);
    assert_eq!(project.stored(project.name), Some(next.digest.clone()));
    project.is_unchanged_since(&next, &[]);
}
