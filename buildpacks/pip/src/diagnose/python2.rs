//! Packages that only Python 2 can install.

use toolkit::Failure;

use super::{Report, Subject};
use crate::requirements::{Line, Package, normalized};

/// What the package is, and what to do.
const PYTHON_2: [(&str, &str, &str); 17] = [
    ("wsgiref", "it is part of Python 3", "remove the line"),
    ("argparse", "it is part of Python 3", "remove the line"),
    (
        "multiprocessing",
        "it is part of Python 3",
        "remove the line",
    ),
    ("hashlib", "it is part of Python 3", "remove the line"),
    ("ssl", "it is part of Python 3", "remove the line"),
    ("uuid", "it is part of Python 3", "remove the line"),
    ("importlib", "it is part of Python 3", "remove the line"),
    (
        "unittest2",
        "it is `unittest` of Python 3",
        "remove the line",
    ),
    (
        "futures",
        "it is `concurrent.futures` of Python 3",
        "remove the line",
    ),
    (
        "subprocess32",
        "it is `subprocess` of Python 3",
        "remove the line",
    ),
    (
        "functools32",
        "it is `functools` of Python 3",
        "remove the line",
    ),
    ("pysqlite", "it is `sqlite3` of Python 3", "remove the line"),
    ("distribute", "it became setuptools", "remove the line"),
    ("pil", "it became Pillow", "write Pillow instead"),
    (
        "beautifulsoup",
        "it became beautifulsoup4",
        "write beautifulsoup4 instead",
    ),
    (
        "mysql-python",
        "it became mysqlclient",
        "write PyMySQL instead, which needs no compiler",
    ),
    ("fabric3", "it became Fabric 2", "write fabric>=2 instead"),
];

/// The failure is theirs when a build failed as Python 2 does, or it was the build of one of them.
///
/// uv builds several packages at a time, so which one failed first is chance: all that are known are named.
pub(super) fn explain(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    let failed = report
        .subject()
        .map(|(name, version)| (normalized(name), version));
    let name = failed.as_ref().map_or("", |(name, _)| name.as_str());
    let syntax = SYNTAX.iter().any(|words| report.says(words));
    let known: Vec<_> = known(subject).collect();
    if !syntax
        && known
            .iter()
            .all(|(_, package, _)| normalized(&package.name) != name)
    {
        return None;
    }
    let Some((_, first, _)) = known.first() else {
        return failed.map(|(name, version)| itself(&name, version, subject));
    };
    let mut failure = Failure::new(
        "SLP-PYT-108",
        format!("{} is a Python 2 package", first.name),
    );
    for (line, package, (_, why, fix)) in &known {
        failure = failure
            .cause(format!("{}: {why}", package.name))
            .at(line.shown())
            .help(format!("{fix}: {}", line.place));
    }
    if known
        .iter()
        .all(|(_, package, _)| normalized(&package.name) != name)
    {
        failure = failure.cause(format!("{name}: its setup.py is written for Python 2"));
        failure = subject.at_line_of(failure, name).help(newer(name));
    }
    Some(failure)
}

/// What Python 3 says about code of Python 2.
const SYNTAX: [&str; 2] = [
    "Missing parentheses in call to 'print'",
    "multiple exception types must be parenthesized",
];

/// Those that are asked for whatever the Python is.
fn known<'a>(
    subject: &'a Subject<'_>,
) -> impl Iterator<
    Item = (
        &'a Line,
        &'a Package,
        &'static (&'static str, &'static str, &'static str),
    ),
> {
    subject
        .requirements
        .packages()
        .filter_map(|(line, package)| {
            let name = normalized(&package.name);
            let entry = PYTHON_2.iter().find(|(known, _, _)| *known == name)?;
            package.marker.is_empty().then_some((line, package, entry))
        })
}

fn itself(name: &str, version: &str, subject: &Subject<'_>) -> Failure {
    let failure = Failure::new(
        "SLP-PYT-108",
        format!("{name} {version} is written for Python 2"),
    )
    .cause("its setup.py is no Python 3");
    subject.at_line_of(failure, name).help(newer(name))
}

fn newer(name: &str) -> String {
    format!("take a newer version of {name}: https://pypi.org/project/{name}/")
}
