//! The files of `tests/vectors`, and the bookkeeping of their cases: every case is run, is a named deviation, or is
//! listed as not supported yet.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::deviations::{DEVIATIONS, Deviation};
pub(crate) use crate::fields::Fields;

/// One line of a vector file.
///
/// Types of `input` deny unknown fields, and whoever takes it as a value reads it through [`Fields`]: an unknown
/// field means that the test ignores something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case<I = Value, E = Value> {
    pub(crate) id: String,
    /// Ids of requirements; for people.
    #[serde(rename = "covers")]
    _covers: Vec<String>,
    pub(crate) input: I,
    pub(crate) expect: E,
}

/// How a case went.
pub(crate) enum Verdict {
    /// As in Go.
    Same,
    /// Differently, in the words of a failed assertion.
    Different(String),
    /// Not run; says what is missing.
    Unsupported(&'static str),
}

impl Verdict {
    /// Compares what came out with what Go made of it.
    pub(crate) fn of<T: PartialEq + std::fmt::Debug>(ours: &T, go: &T) -> Verdict {
        if ours == go {
            return Verdict::Same;
        }
        Verdict::Different(format!("ours {ours:?}\n    go   {go:?}"))
    }
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Verdict {
        result.map_or_else(Verdict::Different, |()| Verdict::Same)
    }
}

/// Reads all cases of a file in `tests/vectors`, or in `$SLIPWAY_VECTORS`.
pub(crate) fn cases<I: DeserializeOwned, E: DeserializeOwned>(file: &str) -> Vec<Case<I, E>> {
    let ours = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let path = std::env::var_os("SLIPWAY_VECTORS")
        .map_or_else(ours, PathBuf::from)
        .join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let case = |(index, line): (usize, &str)| {
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{file} line {}: {error}", index + 1))
    };
    text.lines().enumerate().map(case).collect()
}

/// Runs cases of a file and prints how many went which way.
///
/// Panics when a case differs that is no named deviation, or when a named deviation does not differ.
pub(crate) fn report<I, E, V: Into<Verdict>>(
    file: &str,
    cases: &[Case<I, E>],
    run: impl Fn(&Case<I, E>) -> V,
) {
    let mut tally = Tally::default();
    for case in cases {
        tally.add(file, &case.id, run(case).into());
    }
    println!("{file}: {} cases, {} as in Go", cases.len(), tally.same);
    print_by_reason("named deviations", tally.deviating);
    print_by_reason("not supported yet", tally.unsupported);
    let wrong = tally.wrong;
    assert!(
        wrong.is_empty(),
        "{file}: {} cases went wrong\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
}

#[derive(Default)]
struct Tally {
    same: usize,
    /// By reason, like the next one.
    deviating: Vec<(&'static str, String)>,
    unsupported: Vec<(&'static str, String)>,
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, file: &str, id: &str, verdict: Verdict) {
        let deviation = DEVIATIONS
            .iter()
            .find(|deviation| deviation.names(file, id));
        match (verdict, deviation) {
            (Verdict::Same, None) => self.same += 1,
            (Verdict::Different(_), Some(deviation)) => {
                self.deviating.push((deviation.rule, id.to_owned()));
            }
            (Verdict::Different(how), None) => self.wrong.push(format!("{id}: {how}")),
            (Verdict::Same, Some(Deviation { rule, .. })) => {
                self.wrong.push(format!(
                    "{id}: is as in Go, but listed as the deviation '{rule}'"
                ));
            }
            (Verdict::Unsupported(why), _) => self.unsupported.push((why, id.to_owned())),
        }
    }
}

fn print_by_reason(what: &str, mut cases: Vec<(&'static str, String)>) {
    cases.sort();
    for group in cases.chunk_by(|one, other| one.0 == other.0) {
        let ids: Vec<&str> = group.iter().map(|(_, id)| id.as_str()).collect();
        println!("  {} {what}: {}: {}", ids.len(), group[0].0, ids.join(" "));
    }
}
