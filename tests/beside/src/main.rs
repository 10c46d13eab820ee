//! `slipway-beside`: whole builds beside docker, the same sources on the same base, timed by hyperfine in one run.
//!
//! `just beside` prints a table of medians and ratios and fails when a goal is missed. Wheels are fetched once, below
//! `target/beside`; both sides install from that folder. docker's image has no bytecode, ours has.

mod docker;
mod hyperfine;
mod scenario;
mod wheels;
mod world;

use std::process::ExitCode;

use harness::{Table, is_root, program};

use crate::docker::Docker;
use crate::world::World;

fn main() -> ExitCode {
    let programs = ["hyperfine", "dockerd", "pip"].map(program);
    if programs.iter().any(Option::is_none) || !is_root() {
        eprintln!("error: this needs hyperfine, docker.io and pip, and root for dockerd");
        return ExitCode::from(2);
    }
    let mut table = Table::default();
    let world = World::new();
    wheels::fetch(&world);
    let docker = Docker::start(&world);
    world.make_bases();
    docker.take_bases(&world);
    docker.make_tools(&world);
    for sample in scenario::SAMPLES {
        scenario::rebuilds(sample, &world, &docker, &mut table);
    }
    scenario::first_builds(&world, &docker, &mut table);
    table.print()
}
