//! The table of results: what was measured, beside what, and whether the goal is met.

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Table(Vec<Row>);

struct Row {
    what: String,
    measured: String,
    goal: String,
    met: bool,
}

impl Table {
    /// Adds a value that must be at least `goal`.
    pub fn at_least(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        self.row(
            what,
            format!("{value:.2}{unit}"),
            format!("≥ {goal}{unit}"),
            value >= goal,
        );
    }

    /// Adds a value that must be at most `goal`.
    pub fn at_most(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        self.row(
            what,
            format!("{value:.3}{unit}"),
            format!("≤ {goal}{unit}"),
            value <= goal,
        );
    }

    fn row(&mut self, what: &str, measured: String, goal: String, met: bool) {
        eprintln!("{what}: {measured} ({goal})");
        self.0.push(Row {
            what: what.to_owned(),
            measured,
            goal,
            met,
        });
    }

    /// Prints all rows; failure when one goal is missed.
    pub fn print(&self) -> ExitCode {
        println!("{:<58} {:>12}  {:<10} met", "what", "measured", "goal");
        for Row {
            what,
            measured,
            goal,
            met,
        } in &self.0
        {
            println!(
                "{what:<58} {measured:>12}  {goal:<10} {}",
                if *met { "yes" } else { "NO" }
            );
        }
        if self.0.iter().all(|row| row.met) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// The shortest of `times` runs of each of two things, run in turn so that both see the same machine.
pub fn best_of_each(
    times: usize,
    mut ours: impl FnMut(),
    mut other: impl FnMut(),
) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..times {
        best.0 = best.0.min(time(&mut ours));
        best.1 = best.1.min(time(&mut other));
    }
    best
}

pub fn time(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
