//! Names of images, how they came to be, and what is in them: `slipway image`.

use harness::World;

use crate::shop::{Who, build, everybody, fresh_world, shared_world};

#[test]
fn an_image_has_further_names_a_history_and_files() {
    let world = shared_world();
    build(&world, "python-requirements", "looked-into", &[]);
    let say = |args: &[&str]| world.run(args).success().stdout;

    let named = say(&["image", "tag", "looked-into", "looked-into:1.0", "other"]);
    assert_eq!(named, "looked-into:1.0\nother\n");
    let digest = |name: &str| {
        let list = say(&["image", "ls"]);
        let line = list.lines().find(|line| line.starts_with(name));
        let words: Vec<String> = line
            .unwrap_or_else(|| panic!("{name} in {list}"))
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        words[1].clone()
    };
    assert_eq!(digest("looked-into:1.0 "), digest("other "));

    let history = say(&["image", "history", "other"]);
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines[0].starts_with("SIZE"), "{history}");
    assert!(
        lines.len() > 10 && history.contains("slipway/pip:venv"),
        "{history}"
    );

    let files = say(&["image", "tree", "other", "/workspace"]);
    assert!(files.starts_with("d0755"), "{files}");
    assert!(files.contains("/workspace/requirements.txt"), "{files}");
    assert!(
        files.lines().all(|line| line.contains("/workspace")),
        "{files}"
    );
    let absent = world.run(&["image", "tree", "other", "/nowhere"]);
    assert_eq!(absent.code, Some(3), "{}", absent.stderr);
    assert!(
        absent.stderr.contains("slipway image tree other"),
        "{}",
        absent.stderr
    );
    world
        .run(&["image", "rm", "other", "looked-into:1.0"])
        .success();
}

#[test]
fn a_program_of_this_machine_looks_into_an_image_as_root_and_as_anybody() {
    looks_into(Who::Caller, &shared_world());
    if everybody().contains(&Who::Ordinary) {
        looks_into(Who::Ordinary, &fresh_world(Who::Ordinary));
    }
}

fn looks_into(who: Who, world: &World) {
    build(world, "procfile-web-worker", "seen", &[]);
    let mount = |command: &[&str]| world.run(&[&["image", "mount", "seen"], command].concat());

    let listed = mount(&["--", "ls", "workspace"]).success().stdout;
    assert!(listed.contains("Procfile"), "{who:?} {listed}");
    assert_eq!(listed, mount(&["ls", "workspace"]).success().stdout);

    let place = mount(&[
        "--",
        "sh",
        "-c",
        "pwd; echo $SLIPWAY_MOUNT; ls -d bin usr cnb",
    ]);
    let place = place.success().stdout;
    let lines: Vec<&str> = place.lines().collect();
    assert_eq!(lines[0], lines[1], "{who:?}");
    assert!(lines[0].ends_with("/seen"), "{who:?} {place}");
    assert_eq!(lines[2..], ["bin", "cnb", "usr"], "{who:?}");
    assert!(!std::path::Path::new(lines[0]).exists(), "it is gone");

    let written = mount(&["touch", "new"]);
    assert_eq!(written.code, Some(1), "{who:?}");
    assert!(
        written.stderr.contains("Read-only file system"),
        "{who:?} {}",
        written.stderr
    );
    assert_eq!(mount(&["--", "sh", "-c", "exit 7"]).code, Some(7));
    assert_eq!(mount(&["--", "sh", "-c", "kill -9 $$"]).code, Some(137));

    let absent = mount(&["--", "no-such-program", "x"]);
    assert_eq!(absent.code, Some(3), "{who:?} {}", absent.stderr);
    assert!(
        absent
            .stderr
            .contains("slipway run seen -- no-such-program"),
        "{who:?} {}",
        absent.stderr
    );
    let nobody = world.run(&["image", "mount", "nobody-built-this", "ls"]);
    assert_eq!(nobody.code, Some(1), "{who:?} {}", nobody.stderr);
    world.run(&["image", "rm", "seen"]).success();
}

#[test]
fn without_a_command_the_callers_shell_starts_in_the_image() {
    let world = shared_world();
    build(&world, "procfile-web-worker", "shelled", &[]);
    let mut shell = world.slipway_by_shell(
        "echo 'ls workspace/Procfile' | exec \"$@\"",
        &["image", "mount", "shelled"],
    );
    let outcome = harness::run(shell.env("SHELL", "/bin/sh")).success();
    assert_eq!(outcome.stdout, "workspace/Procfile\n");
    assert!(
        outcome.stderr.contains("`exit` ends it"),
        "{}",
        outcome.stderr
    );
    world.run(&["image", "rm", "shelled"]).success();
}
