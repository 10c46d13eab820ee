//! Names of images, how they came to be, and what is in them: `slipway image`.

use crate::shop::{build, shared_world};

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
