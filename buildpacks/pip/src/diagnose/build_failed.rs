//! A package without a wheel for this Python, whose build failed.

use toolkit::Failure;

use super::{Report, Subject};

/// What a build lacks: words in its output, what that is, the Debian package that has it.
const MISSING: [(&str, &str, &str); 28] = [
    (
        "mysql.h",
        "the headers of MySQL or MariaDB",
        "libmariadb-dev",
    ),
    (
        "mysql_config",
        "the headers of MySQL or MariaDB",
        "libmariadb-dev",
    ),
    (
        "mariadb_config",
        "the headers of MySQL or MariaDB",
        "libmariadb-dev",
    ),
    (
        "Can not find valid pkg-config name",
        "the headers of MySQL or MariaDB",
        "libmariadb-dev",
    ),
    ("pg_config", "the headers of PostgreSQL", "libpq-dev"),
    ("libpq-fe.h", "the headers of PostgreSQL", "libpq-dev"),
    ("Python.h", "the headers of Python", "python3-dev"),
    ("ffi.h", "the headers of libffi", "libffi-dev"),
    ("openssl/", "the headers of OpenSSL", "libssl-dev"),
    (
        "xslt-config",
        "the headers of libxml2 and libxslt",
        "libxml2-dev libxslt1-dev",
    ),
    (
        "libxml/",
        "the headers of libxml2 and libxslt",
        "libxml2-dev libxslt1-dev",
    ),
    ("xmlsec1", "the headers of xmlsec1", "libxmlsec1-dev"),
    ("jpeglib.h", "the headers of libjpeg", "libjpeg-dev"),
    ("for jpeg", "the headers of libjpeg", "libjpeg-dev"),
    ("zlib.h", "the headers of zlib", "zlib1g-dev"),
    (
        "lber.h",
        "the headers of OpenLDAP",
        "libldap-dev libsasl2-dev",
    ),
    ("sql.h", "the headers of unixODBC", "unixodbc-dev"),
    ("krb5-config", "the headers of Kerberos", "libkrb5-dev"),
    (
        "curl-config",
        "the headers of libcurl",
        "libcurl4-openssl-dev",
    ),
    ("gdal-config", "GDAL", "libgdal-dev"),
    ("geos_c.h", "GEOS", "libgeos-dev"),
    ("librdkafka", "the headers of librdkafka", "librdkafka-dev"),
    ("portaudio.h", "the headers of PortAudio", "portaudio19-dev"),
    ("hdf5.h", "the headers of HDF5", "libhdf5-dev"),
    ("gfortran", "a Fortran compiler", "gfortran"),
    ("rustc", "a Rust compiler", "rustc cargo"),
    ("Rust toolchain", "a Rust compiler", "rustc cargo"),
    ("cmake", "CMake", "cmake"),
];

/// How compilers that are not there are missed.
const NO_COMPILER: [&str; 8] = [
    "gcc' failed: No such file",
    "cc' failed: No such file",
    "g++' failed: No such file",
    "c++' failed: No such file",
    "gcc: not found",
    "cc: not found",
    "no acceptable C compiler",
    "Unknown compiler(s)",
];

/// Packages that need no compiler and do the same.
const INSTEAD: [(&str, &str); 9] = [
    ("psycopg2", "psycopg2-binary"),
    ("mysqlclient", "PyMySQL"),
    ("mysql-python", "PyMySQL"),
    ("pycrypto", "pycryptodome"),
    ("sklearn", "scikit-learn"),
    ("opencv-python", "opencv-python-headless"),
    ("pylibmc", "pymemcache"),
    ("python-ldap", "ldap3"),
    ("m2crypto", "cryptography"),
];

pub(super) fn explain(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    if !report.says("Failed to build") && !report.says("build backend returned an error") {
        return None;
    }
    let (name, version) = report.subject()?;
    let minor = &subject.interpreter.minor;
    let package = format!("{name} {version}").trim_end().to_owned();
    let what = format!(
        "{package} has no wheel for Python {minor} on this platform, and building it failed"
    );
    let failure = match lacking(report) {
        Some((what_is_missing, debian)) => lacks(what, what_is_missing, debian),
        None => old_for_this_python(report, minor, &what)
            .unwrap_or_else(|| no_reason_known(what, report)),
    };
    let failure = match instead(name) {
        Some(other) => failure.help(format!("use {other} instead, which needs no compiler")),
        None => failure,
    };
    let failure = failure.help(format!(
        "take a version that has a wheel for Python {minor}: https://pypi.org/project/{name}/#files"
    ));
    Some(asked_for(subject.at_line_of(failure, name), report))
}

/// `(what, package)` of the first line that misses something.
fn lacking(report: &Report) -> Option<(&'static str, &'static str)> {
    let misses = |line: &str| {
        [
            "not found",
            "No such file",
            "cannot find",
            "could not find",
            "Cannot find",
            "not be found",
            "is required",
            "can't find",
            "Can not find",
            "not installed",
        ]
        .iter()
        .any(|words| line.contains(words))
    };
    let missed = report.lines().filter(|line| misses(line)).find_map(|line| {
        let (_, what, package) = MISSING.iter().find(|(words, _, _)| line.contains(words))?;
        Some((*what, *package))
    });
    missed.or_else(|| {
        let no_compiler = NO_COMPILER.iter().any(|words| report.says(words));
        no_compiler.then_some(("a C compiler", "build-essential"))
    })
}

fn lacks(what: String, missing: &str, debian: &str) -> Failure {
    Failure::new("SLP-PYT-104", what).cause(format!(
        "the build needs {missing} (Debian: {debian}), which the build image does not have"
    ))
}

/// Old packages lean on what newer Pythons and setuptools no longer have.
fn old_for_this_python(report: &Report, minor: &str, what: &str) -> Option<Failure> {
    let line = report.lines().find(|line| {
        [
            "pkg_resources",
            "distutils",
            "'imp'",
            "use_2to3",
            "'ImpImporter'",
            "configparser.SafeConfigParser",
            "SafeConfigParser",
        ]
        .iter()
        .any(|gone| line.contains(gone) && (line.contains("Error") || line.contains("error")))
    })?;
    Some(Failure::new("SLP-PYT-109", what).cause(line).cause(format!(
        "this version is older than Python {minor} and relies on what has been removed since"
    )))
}

fn no_reason_known(what: String, report: &Report) -> Failure {
    let failure = Failure::new("SLP-PYT-118", what);
    let cause = report.causes.last().cloned().unwrap_or_default();
    let lines: Vec<&str> = cause
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let tail = lines
        .get(lines.len().saturating_sub(12)..)
        .unwrap_or_default();
    failure.cause(tail.join("\n"))
}

fn instead(name: &str) -> Option<&'static str> {
    let name = crate::requirements::normalized(name);
    INSTEAD
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, other)| *other)
}

/// Who wants a package that stands in no file.
fn asked_for(failure: Failure, report: &Report) -> Failure {
    let hint = report
        .hints
        .iter()
        .find(|hint| hint.contains("was included because"));
    match hint {
        Some(hint) => failure.cause(hint.replace('`', "")),
        None => failure,
    }
}
