//! The table of results: what was measured, beside what, and whether the goal is met.

use std::process::ExitCode;

use crate::skip;

#[derive(Default)]
pub struct Table(Vec<Row>);

struct Row {
    what: String,
    measured: String,
    goal: String,
    /// `None` where nothing is claimed.
    met: Option<bool>,
}

impl Table {
    /// Adds a value that must be at least `goal`.
    pub fn at_least(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        let measured = format!("{value:.2}{unit}");
        self.row(
            what,
            measured,
            format!("≥ {goal}{unit}"),
            Some(value >= goal),
        );
    }

    /// Adds a value that must be at most `goal`.
    pub fn at_most(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        let measured = format!("{value:.4}{unit}");
        self.row(
            what,
            measured,
            format!("≤ {goal}{unit}"),
            Some(value <= goal),
        );
    }

    /// Adds a promise that is kept or not.
    pub fn holds(&mut self, what: &str, kept: bool) {
        let measured = if kept { "yes" } else { "no" };
        self.row(what, measured.to_owned(), "yes".to_owned(), Some(kept));
    }

    /// Adds a value of which nothing is claimed.
    pub fn told(&mut self, what: &str, value: f64, unit: &str) {
        self.row(what, format!("{value:.2}{unit}"), String::new(), None);
    }

    /// Says what could not be measured here, and counts it.
    pub fn left_out(&mut self, what: &str, why: &str) {
        skip(&format!("{what}: {why}"));
        self.row(what, "skipped".to_owned(), String::new(), None);
    }

    fn row(&mut self, what: &str, measured: String, goal: String, met: Option<bool>) {
        eprintln!("{what}: {measured} ({goal})");
        self.0.push(Row {
            what: what.to_owned(),
            measured,
            goal,
            met,
        });
    }

    /// Every goal is met; rows without a goal do not count.
    fn is_met(&self) -> bool {
        self.0.iter().all(|row| row.met != Some(false))
    }

    /// Prints all rows; failure when one goal is missed.
    pub fn print(&self) -> ExitCode {
        println!("{:<68} {:>12}  {:<11} met", "what", "measured", "goal");
        for row in &self.0 {
            let met = row.met.map_or("", |met| if met { "yes" } else { "NO" });
            println!(
                "{:<68} {:>12}  {:<11} {met}",
                row.what, row.measured, row.goal
            );
        }
        if self.is_met() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fill: impl FnOnce(&mut Table), met: bool) {
        let mut table = Table::default();
        fill(&mut table);
        assert_eq!(table.is_met(), met);
    }

    #[test]
    fn a_goal_is_met_when_it_is_just_reached_and_not_when_it_is_just_missed() {
        check(|table| table.at_least("speed", 2.5, 2.5, "×"), true);
        check(|table| table.at_least("speed", 2.499, 2.5, "×"), false);
        check(|table| table.at_most("size", 1.005, 1.005, "×"), true);
        check(|table| table.at_most("size", 1.005_01, 1.005, "×"), false);
    }

    #[test]
    fn a_broken_promise_fails_and_a_value_without_a_goal_does_not() {
        check(|table| table.holds("same digest", false), false);
        check(|table| table.told("wall", 0.0, " s"), true);
    }

    #[test]
    fn one_missed_goal_among_many_that_are_met_fails() {
        check(
            |table| {
                table.at_most("size", 2.0, 1.0, "");
                table.at_most("size", 0.5, 1.0, "");
            },
            false,
        );
    }

    #[test]
    fn what_was_not_a_number_meets_no_goal() {
        check(|table| table.at_most("size", f64::NAN, 1.0, ""), false);
        check(|table| table.at_least("speed", f64::NAN, 1.0, ""), false);
    }
}
