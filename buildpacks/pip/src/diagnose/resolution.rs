//! No set of versions satisfies everything that is asked for.

use regex::Regex;
use toolkit::Failure;

use super::{Report, Subject};

pub(super) fn explain(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    if let Some(failure) = hashes(report, subject).or_else(|| malformed(report)) {
        return Some(failure);
    }
    if !report.error.contains("No solution found") {
        return None;
    }
    let story = report.causes.first().cloned().unwrap_or_default();
    Some(
        other_python(&story, report, subject)
            .or_else(|| not_found(&story, subject))
            .or_else(|| no_version(&story, report, subject))
            .unwrap_or_else(|| conflict(&story, subject)),
    )
}

/// The first capture of a pattern that is written here.
fn find<'a>(pattern: &str, text: &'a str) -> Option<[&'a str; 2]> {
    let found = Regex::new(pattern).ok()?.captures(text)?;
    let part = |index| found.get(index).map_or("", |part| part.as_str());
    Some([part(1), part(2)])
}

fn other_python(story: &str, report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    let wanted = find(r"does not satisfy Python\s*([<>=!~][^\s]*)()", story)?[0];
    let minor = &subject.interpreter.minor;
    let [name, version] = find(
        r"([A-Za-z0-9][A-Za-z0-9._-]*)==?([^\s]+) depends on Python",
        story,
    )
    .or_else(|| {
        find(
            r"([A-Za-z0-9][A-Za-z0-9._-]*)([<>=!~][^\s]*) depends on Python",
            story,
        )
    })
    .unwrap_or(["a package", ""]);
    let name_shown = if version.is_empty() {
        name.to_owned()
    } else {
        format!("{name} {}", version.trim_start_matches('='))
    };
    let failure = Failure::new(
        "SLP-PYT-109",
        format!("{name_shown} needs Python {wanted}, the base image has {minor}"),
    )
    .cause(story)
    .help(format!(
        "pin a version of {name} that runs on Python {minor}"
    ));
    let failure = report.hints.iter().fold(failure, Failure::help);
    Some(subject.at_line_of(failure, name))
}

fn not_found(story: &str, subject: &Subject<'_>) -> Option<Failure> {
    let [name, place] = find(
        r"([A-Za-z0-9][A-Za-z0-9._-]*) was not found in the (package registry|provided package locations|cache)",
        story,
    )?;
    let failure = Failure::new("SLP-PYT-102", format!("there is no package called {name}"))
        .cause(format!("{name} was not found in the {place}"))
        .help(format!(
            "check the spelling: https://pypi.org/search/?q={name}"
        ))
        .help("for a package of your own set PIP_EXTRA_INDEX_URL, or name its folder: ./path");
    Some(subject.at_line_of(failure, name))
}

fn no_version(story: &str, report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    let [name, wanted] = find(
        r"there (?:is|are) no versions? of ([A-Za-z0-9][A-Za-z0-9._-]*)([<>=!~][^\s]*)",
        story,
    )
    .or_else(|| {
        find(
            r"only ([A-Za-z0-9][A-Za-z0-9._-]*?)([<>=!~][^\s]*) is available",
            story,
        )
    })
    .or_else(|| {
        find(
            r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s]+) has no (?:usable )?wheels",
            story,
        )
    })?;
    let minor = &subject.interpreter.minor;
    let no_wheel = story.contains("wheels");
    let what = if no_wheel {
        format!(
            "{name} {} has no wheel for Python {minor} on this platform, and no source to build one",
            wanted.trim_start_matches('=')
        )
    } else {
        format!("there is no version of {name} that is {wanted}")
    };
    let failure = Failure::new("SLP-PYT-103", what).cause(story).help(format!(
        "the versions there are: https://pypi.org/project/{name}/#history"
    ));
    let failure = if report.says("--index-strategy") || report.says("subsequent index") {
        failure.help("the first index that has the package decides; to look at all of them: --env UV_INDEX_STRATEGY=unsafe-best-match")
    } else {
        report.hints.iter().fold(failure, Failure::help)
    };
    Some(subject.at_line_of(failure, name))
}

fn conflict(story: &str, subject: &Subject<'_>) -> Failure {
    let failure =
        Failure::new("SLP-PYT-106", "the requirements contradict each other").cause(story);
    let mut named: Vec<&str> = Vec::new();
    for (_, package) in subject.requirements.packages() {
        if mentions(story, &package.name) && !named.contains(&package.name.as_str()) {
            named.push(&package.name);
        }
    }
    named
        .into_iter()
        .fold(failure, |failure, name| subject.at_line_of(failure, name))
        .help("loosen or change one of these versions")
}

/// The name as a word of its own, in either spelling.
fn mentions(story: &str, name: &str) -> bool {
    let name = crate::requirements::normalized(name);
    let ends = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-');
    story.match_indices(&name).any(|(at, _)| {
        let (before, rest) = story.split_at(at);
        ends(before.chars().last()) && ends(rest.chars().nth(name.len()))
    })
}

fn hashes(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    if !report.says("--require-hashes") {
        return None;
    }
    let named = find(
        r"(?:found|for|missing)[^`]*?:? `?([A-Za-z0-9][A-Za-z0-9._-]*)()",
        &report.error,
    );
    let failure = Failure::new("SLP-PYT-119", "a hash is required for every package, and one has none")
        .cause(&report.error)
        .help("write all versions and hashes anew: uv pip compile --generate-hashes requirements.in -o requirements.txt");
    Some(match named {
        Some([name, _]) => subject.at_line_of(failure, name),
        None => failure,
    })
}

fn malformed(report: &Report) -> Option<Failure> {
    let signs = [
        "Couldn't parse requirement",
        "Unsupported requirement",
        "Unsupported editable requirement",
    ];
    if !signs.iter().any(|sign| report.error.starts_with(sign)) {
        return None;
    }
    let failure = Failure::new("SLP-PYT-101", &report.error);
    let failure = report.causes.iter().fold(failure, Failure::cause);
    Some(report.hints.iter().fold(failure, Failure::help))
}
