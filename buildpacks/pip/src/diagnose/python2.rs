//! Packages that only Python 2 can install.

use toolkit::Failure;

use super::{Report, Subject};

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

/// The failure is theirs when one of them is asked for without a marker, and it could not be built or found.
pub(super) fn explain(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    let failed = report
        .subject()
        .map(|(name, _)| crate::requirements::normalized(name));
    let syntax = report.says("Missing parentheses in call to 'print'")
        || report.says("except must be parenthesized");
    for (line, package) in subject.requirements.packages() {
        let name = crate::requirements::normalized(&package.name);
        let Some((_, why, fix)) = PYTHON_2.iter().find(|(known, _, _)| *known == name) else {
            continue;
        };
        let blamed =
            failed.as_deref() == Some(name.as_str()) || report.says(&format!("`{}`", package.name));
        if package.marker.is_empty() && blamed {
            return Some(
                Failure::new(
                    "SLP-PYT-108",
                    format!("{} is a Python 2 package", package.name),
                )
                .cause(format!("{}: {why}", package.name))
                .at(line.shown())
                .help(format!("{fix}: {}", line.place)),
            );
        }
    }
    let (name, version) = report.subject().filter(|_| syntax)?;
    let failure = Failure::new(
        "SLP-PYT-108",
        format!("{name} {version} is written for Python 2"),
    )
    .cause("its setup.py is no Python 3: Missing parentheses in call to 'print'")
    .help(format!(
        "take a newer version: https://pypi.org/project/{name}/"
    ));
    Some(subject.at_line_of(failure, name))
}
