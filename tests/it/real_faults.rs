//! Whole builds, killed, refused by the system, and many at once: the short forms. The long ones are `just rigs`.

use std::path::Path;

use harness::program;
use killsweep::{Random, crowd, moments, scenario, sweep};

use crate::shop::{SLIPWAY, quiet_state};

#[test]
fn a_build_that_is_killed_or_refused_a_call_harms_nothing_and_succeeds_the_next_time() {
    if program("strace").is_none() {
        return;
    }
    let scenario = scenario::build(Path::new(SLIPWAY), &quiet_state());
    let counts = sweep::sweep(&scenario, 12, &mut Random::new(1)).unwrap();
    println!("{counts}");
    assert!(counts.kills > 0 && counts.errnos > 0, "{counts}");
    assert_eq!(counts.flawed, 0, "{counts}");
}

#[test]
fn builds_that_are_killed_at_any_moment_leave_nothing_that_piles_up() {
    let state = quiet_state();
    let killed = moments::kills(Path::new(SLIPWAY), &state, 6, &mut Random::new(1)).unwrap();
    println!("{killed}");
    assert_eq!(killed.flawed, 0, "{killed}");
}

#[test]
fn eight_builds_at_once_all_succeed_and_equal_sources_make_equal_images() {
    let builds = crowd::builds(Path::new(SLIPWAY), &quiet_state(), 8).unwrap();
    println!("{builds}");
    assert!(builds.flaws.is_empty(), "{:#?}", builds.flaws);
}
