//! Why no group of buildpacks fits: every group with every reason, the closest one, and the nearest fix.

use std::fmt::Write as _;
use std::path::Path;

use phases::detect::{DetectFailure, ElementTrial, GroupTrial, Unmet, Verdict};
use platform::{Error, advice, source};

use super::failure::line;
use super::style::{Style, harmless};
use crate::exit::class;

/// Names of the source that are shown.
const NAMES: usize = 6;

/// The failure as text for people, ending with a newline.
pub(crate) fn text(error: &Error, failure: &DetectFailure, source: &Path, style: Style) -> String {
    let head = style.red(&format!("error[{}]", class(error.kind()).code));
    let mut text = format!("{head}: {error}\n");
    line(
        &mut text,
        "source",
        &format!("{}  ({})", source.display(), listing(source)),
    );
    for (index, group) in failure.groups.iter().enumerate() {
        line(
            &mut text,
            &format!("group {}", index + 1),
            &described(group, failure),
        );
    }
    if failure.truncated {
        line(&mut text, "groups", "more were tried than are shown");
    }
    if let Some(closest) = closest(failure) {
        line(&mut text, "closest", &closest);
    }
    for action in advice::after_detection(failure, source) {
        line(&mut text, "help", &action);
    }
    line(
        &mut text,
        "more",
        &format!("slipway detect {} --json", source.display()),
    );
    text
}

fn listing(source: &Path) -> String {
    let (names, more) = source::names(source, NAMES);
    if names.is_empty() {
        return "empty".to_owned();
    }
    let mut shown: Vec<String> = names
        .iter()
        .map(|name| harmless(&name.to_string_lossy()))
        .collect();
    if more {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

fn described(group: &GroupTrial, failure: &DetectFailure) -> String {
    let mut parts: Vec<String> = group
        .elements
        .iter()
        .map(|trial| element(trial, failure))
        .collect();
    parts.extend(group.unmet.iter().map(unmet));
    parts.join("   ")
}

fn element(trial: &ElementTrial, failure: &DetectFailure) -> String {
    let id = &trial.element.id;
    let mut text = match &trial.verdict {
        Verdict::Passed => format!("{id} ✓"),
        Verdict::Failed => format!("{id} {}", if trial.optional { "–" } else { "✗" }),
        Verdict::Erred { exit } => format!("{id} ✗ ended with {exit}:"),
        Verdict::Broken { reason } => format!("{id} ✗ {reason}"),
    };
    if let Some(reason) = reason(trial, failure) {
        // Writing into a String does not fail.
        let _ = write!(text, " {reason}");
    }
    harmless(&text)
}

/// What it said last, unless it passed.
fn reason<'a>(trial: &ElementTrial, failure: &'a DetectFailure) -> Option<&'a str> {
    if trial.verdict == Verdict::Passed {
        return None;
    }
    advice::reason(advice::output_of(failure, trial))
}

fn unmet(unmet: &Unmet) -> String {
    harmless(&match unmet {
        Unmet::Requires { element, name } => {
            format!("✗ {} requires `{name}`, which nothing provides", element.id)
        }
        Unmet::Provides { element, name } => {
            format!("✗ {} provides `{name}`, which nothing requires", element.id)
        }
    })
}

/// The group with the fewest things in the way, when there is more than one.
fn closest(failure: &DetectFailure) -> Option<String> {
    let (index, group) = failure
        .groups
        .iter()
        .enumerate()
        .min_by_key(|(_, group)| group.distance())?;
    let missing = match group.distance() {
        1 => "one condition missing".to_owned(),
        number => format!("{number} conditions missing"),
    };
    (failure.groups.len() > 1).then(|| format!("group {}, {missing}", index + 1))
}
