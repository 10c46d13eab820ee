//! Failed detection says why.

use phases::detect::{DetectFailure, GroupTrial, Unmet, Verdict};
use phases::{ErrorKind, Exit};

use crate::world::World;

const PROVIDES: &str = "printf '[[provides]]\\nname = \"x\"\\n' > $2";
const REQUIRES: &str = "printf '[[requires]]\\nname = \"y\"\\n' > $2";

fn failure(world: &World, code: i32) -> DetectFailure {
    let error = world.detect().unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
    error.detect_failure().unwrap().clone()
}

#[test]
fn every_group_is_told_with_the_reason_of_each_element() {
    let mut world = World::new();
    world.buildpack("yes", "exit 0", "");
    world.buildpack("no", "echo 'no requirements.txt'; exit 100", "");
    world.buildpack("odd", "exit 3", "");
    world.group(&["yes", "no"]).group(&["yes", "odd?", "no"]);
    let failure = failure(&world, 21);
    let verdicts: Vec<Vec<Verdict>> = failure
        .groups
        .iter()
        .map(|group| {
            group
                .elements
                .iter()
                .map(|element| element.verdict.clone())
                .collect()
        })
        .collect();
    let odd = Verdict::Erred {
        exit: Exit::Code(3),
    };
    assert_eq!(
        verdicts,
        [
            vec![Verdict::Passed, Verdict::Failed],
            vec![Verdict::Passed, odd, Verdict::Failed]
        ]
    );
    assert_eq!(
        failure.groups[0].elements[1].output,
        "no requirements.txt\n"
    );
    assert_eq!(
        failure.groups[1].elements[2].output, "",
        "it was shown before"
    );
    assert_eq!(
        failure
            .groups
            .iter()
            .map(GroupTrial::distance)
            .collect::<Vec<_>>(),
        [1, 1]
    );
}

#[test]
fn a_program_that_can_not_be_started_is_told_in_plain_words() {
    let mut world = World::new();
    world.buildpack("gone", "", "");
    world.group(&["gone"]);
    let program = world.at("buildpacks/gone/1/bin/detect");
    std::fs::remove_file(&program).unwrap();
    let failure = failure(&world, 21);
    let reason = format!("{} does not exist", program.display());
    assert_eq!(
        failure.groups[0].elements[0].verdict,
        Verdict::Broken { reason }
    );
}

#[test]
fn an_interpreter_that_is_not_there_is_named() {
    let mut world = World::new();
    world.buildpack("bash", "", "");
    world.buildpack("env", "", "");
    world.group(&["bash"]).group(&["env"]);
    let bash = "buildpacks/bash/1/bin/detect";
    world.write(bash, "#!/nowhere/bash\n");
    let env = "buildpacks/env/1/bin/detect";
    world.write(env, "#!/usr/bin/env no-such-python\n");
    let reasons: Vec<Verdict> = failure(&world, 21)
        .groups
        .iter()
        .map(|group| group.elements[0].verdict.clone())
        .collect();
    let broken = |program: &str, needs: &str| Verdict::Broken {
        reason: format!("{} needs {needs}", world.at(program).display()),
    };
    assert_eq!(
        reasons,
        [
            broken(bash, "/nowhere/bash, which is not there"),
            broken(env, "no-such-python, which is not in PATH"),
        ]
    );
}

#[test]
fn what_is_missing_for_a_plan_is_named() {
    let mut world = World::new();
    world
        .buildpack("provides", PROVIDES, "")
        .buildpack("requires", REQUIRES, "");
    world.group(&["provides", "requires"]);
    let unmet: Vec<String> = failure(&world, 20).groups[0]
        .unmet
        .iter()
        .map(|unmet| match unmet {
            Unmet::Requires { element, name } => format!("{element} requires {name}"),
            Unmet::Provides { element, name } => format!("{element} provides {name}"),
        })
        .collect();
    assert_eq!(unmet, ["provides@1 provides x", "requires@1 requires y"]);
}

#[test]
fn it_survives_the_way_out_of_the_sandbox() {
    let mut world = World::new();
    world.buildpack("no", "exit 100", "");
    world.group(&["no"]);
    let failure = failure(&world, 20);
    let json = serde_json::to_string(&failure).unwrap();
    assert_eq!(
        serde_json::from_str::<DetectFailure>(&json).unwrap(),
        failure
    );
}

#[test]
fn a_composite_that_contains_itself_is_refused() {
    let mut world = World::new();
    world.composite("a", &[&["b"]]);
    world.composite("b", &[&["a"]]);
    world.group(&["a"]);
    let error = world.detect().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Cycle, 22));
    assert_eq!(
        error.to_string(),
        "resolving the order: a@1 contains itself"
    );
}

#[test]
fn an_order_of_exponentially_many_groups_is_searched_or_given_up_in_time() {
    let mut world = World::new();
    world.buildpack("no", "exit 100", "");
    let names: Vec<String> = (0..24).map(|level| format!("c{level}")).collect();
    for (level, name) in names.iter().enumerate() {
        let next = names.get(level + 1).map_or("no", String::as_str);
        world.composite(name, &[&[next, "no"], &["no", next]]);
    }
    world.group(&["c0"]);
    let since = std::time::Instant::now();
    assert_eq!(world.detect().unwrap_err().code(), 20);
    assert!(since.elapsed().as_secs() < 5, "{:?}", since.elapsed());
}
