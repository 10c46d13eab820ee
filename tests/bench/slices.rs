//! What it costs an application that its packages lie in layers of their own: `cargo bench -p slipway -- slices`.
//!
//! Not among the others: the scientific sample is downloaded, and installed twice.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Child, Table, free_port, get};

use crate::rounds::milliseconds;

const ROUNDS: usize = 20;
const PATIENCE: Duration = Duration::from_mins(1);
/// By `BP_PYTHON_SLICES`.
const IMAGES: [(&str, &str); 2] = [
    ("always", "slipway-bench-sliced"),
    ("never", "slipway-bench-whole"),
];
/// Seconds of the processor: on a shared machine the clock tells more of the others.
const IMPORTS: &str = "import time; start = time.process_time(); import django, numpy, pandas, sklearn; \
                       print(time.process_time() - start)";

/// Times of one image, sorted.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort();
    }

    fn least(&self) -> f64 {
        milliseconds(self.0[0])
    }

    fn median(&self) -> f64 {
        milliseconds(self.0[self.0.len() / 2])
    }
}

pub fn times(table: &mut Table) {
    let sample = harness::repository().join("samples/python-scientific");
    for (slices, name) in IMAGES {
        let slices = format!("BP_PYTHON_SLICES={slices}");
        let mut build = slipway(&["build"]);
        build
            .arg(&sample)
            .args(["-t", name, "--env", &slices])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(build.status().expect("slipway").success(), "{build:?}");
    }
    compare(
        table,
        "imports of django, numpy, pandas, sklearn (CPU)",
        imports,
    );
    compare(table, "slipway run until the first answer", first_answer);
}

/// Runs both images in turn, the first time of each for nothing.
fn compare(table: &mut Table, what: &str, time: impl Fn(&str) -> Duration) {
    let mut times = [Times::default(), Times::default()];
    for round in 0..=ROUNDS {
        for (times, (_, name)) in times.iter_mut().zip(IMAGES) {
            let took = time(name);
            if round > 0 {
                times.add(took);
            }
        }
    }
    let [sliced, whole] = times;
    println!(
        "{what}: in slices {:.1} ms, median {:.1}; whole {:.1} ms, median {:.1}",
        sliced.least(),
        sliced.median(),
        whole.least(),
        whole.median()
    );
    let (least, median) = (
        sliced.least() / whole.least(),
        sliced.median() / whole.median(),
    );
    table.at_most(
        &format!("{what}: in slices / whole, best of {ROUNDS}"),
        least,
        1.03,
        "",
    );
    table.at_most(
        &format!("{what}: in slices / whole, median"),
        median,
        1.1,
        "",
    );
}

fn imports(name: &str) -> Duration {
    // After the second `--` nothing is given to a shell.
    let mut run = slipway(&["run", name, "--", "--", "python", "-c", IMPORTS]);
    let told = harness::run(&mut run).success().stdout;
    Duration::from_secs_f64(told.trim().parse().expect("seconds"))
}

fn first_answer(name: &str) -> Duration {
    let port = free_port();
    let setting = format!("PORT={port}");
    let start = Instant::now();
    let _child = Child::start(&mut slipway(&["run", name, "-e", &setting]));
    while get(port, "/").is_none_or(|answer| answer.status != 200) {
        assert!(start.elapsed() < PATIENCE, "no answer from {name}");
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}

fn slipway(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
    command.args(args);
    command
}
