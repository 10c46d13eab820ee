//! Which sources this buildpack is for, and what it says to the others.

use std::fs;

use crate::world::World;

/// The answer to a source with these files.
fn refused(files: &[(&str, &str)]) -> String {
    let outcome = World::new(files).detect();
    assert_eq!(outcome.code, 100, "{}", outcome.log);
    outcome.log
}

#[test]
fn a_requirements_file_is_enough() {
    let world = World::new(&[("requirements.txt", "")]);
    assert_eq!(world.detect().code, 0);
    let plan = fs::read_to_string(world.path("plan.toml")).unwrap();
    assert!(
        plan.contains("name = \"site-packages\"") && plan.contains("name = \"python\""),
        "{plan}"
    );
}

#[test]
fn other_names_are_taken_from_the_variable() {
    let mut world = World::new(&[("a.txt", ""), ("sub/b.txt", "")]);
    assert_eq!(world.detect().code, 100);
    world.set("BP_PIP_REQUIREMENT", "a.txt sub/b.txt");
    assert_eq!(world.detect().code, 0);
    world.set("BP_PIP_REQUIREMENT", "a.txt c.txt");
    assert_eq!(
        world.detect().log,
        "requirements file not found at: 'c.txt'\n"
    );
}

#[test]
fn a_misspelled_file_is_found() {
    assert_eq!(
        refused(&[("requirement.txt", "flask")]),
        "requirements file not found at: 'requirements.txt'\n\
         help: found requirement.txt; did you mean requirements.txt?  mv requirement.txt requirements.txt\n\
         help: other name on purpose?  --env BP_PIP_REQUIREMENT=requirement.txt\n"
    );
}

#[test]
fn files_of_other_tools_are_pointed_out() {
    let log = refused(&[("pyproject.toml", ""), ("uv.lock", "")]);
    assert!(
        log.contains("found uv.lock; make a requirements file of it: uv export"),
        "{log}"
    );
}

#[test]
fn imports_that_no_file_declares_are_named() {
    let log = refused(&[("app.py", "import gradio as gr\nimport os\n")]);
    assert!(
        log.contains("no file declares dependencies, and app.py imports gradio; add a requirements.txt with: gradio"),
        "{log}"
    );
    assert_eq!(
        refused(&[("app.py", "import os\n")]),
        "requirements file not found at: 'requirements.txt'\n"
    );
}
