//! What isolation costs: a program in a sandbox against the same program by itself.
//!
//! Prints the fastest and the middle one of n runs, and how many CPU milliseconds each took with its children.
//! `SLIPWAY_BENCH=large` asks for more runs. Judge release builds only.
#![allow(clippy::unwrap_used, reason = "tests, with a main of their own")]

#[allow(dead_code, reason = "shared by tests that use parts of it")]
mod world;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use sandbox::nested::{self, Nested};
use sandbox::{Exit, Io, Network, Root, Stage};

use crate::world::{World, payload};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [sandbox::INIT, ..] => sandbox::init(),
        ["payload"] => ExitCode::SUCCESS,
        ["payload", "nested", runs] => nest(runs.parse().unwrap()),
        _ => all(),
    }
}

fn all() -> ExitCode {
    let large = std::env::var_os("SLIPWAY_BENCH").is_some_and(|value| value == "large");
    let runs = if large { 500 } else { 20 };
    let world = World::new();
    println!(
        "{:44} {:>8} {:>8} {:>8}",
        "ms, of one run", "fastest", "middle", "cpu"
    );
    let plain = time("the program by itself", runs, || {
        let status = Command::new(world.path("payload"))
            .arg("payload")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    });
    let mut sandbox = world.sandbox();
    let run = |sandbox: &sandbox::Sandbox| {
        let running = sandbox
            .start(&world.host, &payload(&[]), Io::Pipes)
            .unwrap();
        assert_eq!(running.wait(None).unwrap(), Exit::Code(0));
    };
    sandbox.network = Network::Host;
    let payload_stage = time("in a sandbox, all protections", runs, || run(&sandbox));
    sandbox.network = Network::None;
    time("the same without network", runs, || run(&sandbox));
    sandbox.stage = Stage::Agent;
    time("in our agent's sandbox", runs, || run(&sandbox));
    sandbox.stage = Stage::Payload;
    let mut lower: Vec<_> = (0..119)
        .map(|number| world.folder(&format!("{number}")))
        .collect();
    lower.push(world.path("lower"));
    sandbox.root = Root::ReadOnly { lower };
    time("with 120 layers", runs, || run(&sandbox));
    in_the_agent(&world, runs);
    println!(
        "a sandbox costs {:.2} ms",
        millis(payload_stage) - millis(plain)
    );
    // Loose, since this runs in debug builds beside other tests; it catches a sandbox that got stuck.
    if payload_stage < Duration::from_millis(500) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Times nested sandboxes where they happen: inside.
fn in_the_agent(world: &World, runs: usize) {
    let mut sandbox = world.sandbox();
    sandbox.stage = Stage::Agent;
    let outcome = world.run(&sandbox, &["nested", &runs.to_string()]);
    assert_eq!(outcome.exit, Exit::Code(0), "{}", outcome.stderr);
    print!("{}", outcome.stdout);
}

fn nest(runs: usize) -> ExitCode {
    time("inside: the program by itself", runs, || {
        let status = Command::new("/payload")
            .arg("payload")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    });
    let nested = Nested {
        uid: 1001,
        gid: 1000,
        read_only: vec!["/usr".into()],
        writable: vec!["/tmp".into()],
        hidden: Vec::new(),
        limits: sandbox::Limits::default(),
    };
    time("inside: in a buildpack's own sandbox", runs, || {
        let exit = nested::run(&nested, &payload(&[]), &|_, _| ()).unwrap();
        assert_eq!(exit, Exit::Code(0));
    });
    ExitCode::SUCCESS
}

fn time(what: &str, runs: usize, mut run: impl FnMut()) -> Duration {
    run();
    let cpu = cpu_time();
    let mut took: Vec<Duration> = (0..runs)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    took.sort();
    let runs_f64 = f64::from(u32::try_from(runs).unwrap());
    let cpu = millis(cpu_time().saturating_sub(cpu)) / runs_f64;
    let (fastest, middle) = (took[0], took[runs / 2]);
    println!(
        "{what:44} {:8.2} {:8.2} {cpu:8.2}",
        millis(fastest),
        millis(middle)
    );
    middle
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Of this process and all its buried descendants, in clock ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let fields = after_name.split(' ').skip(11).take(4);
    Duration::from_millis(fields.map(|field| field.parse::<u64>().unwrap() * 10).sum())
}
