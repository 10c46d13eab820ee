//! Networks, certificates, credentials, disks, git: nothing is wrong with the requirements.

use toolkit::{Class, Failure, without_user_info};

use super::{Report, Subject};
use crate::requirements::What;

pub(super) fn explain(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    disk(report)
        .or_else(|| hash(report, subject))
        .or_else(|| git(report, subject))
        .or_else(|| certificate(report))
        .or_else(|| denied(report))
        .or_else(|| offline(report))
        .or_else(|| network(report))
}

fn disk(report: &Report) -> Option<Failure> {
    let full = report.says("No space left on device") || report.says("os error 28");
    let quota = report.says("Disk quota exceeded") || report.says("os error 122");
    (full || quota).then(|| {
        chain(Failure::new("SLP-PYT-113", "the disk is full"), report)
            .class(Class::Transient)
            .help("make room where slipway keeps its state (SLIPWAY_HOME), then build again")
    })
}

fn hash(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    let cause = report
        .causes
        .iter()
        .find(|cause| cause.starts_with("Hash mismatch"))?;
    let name = cause.split('`').nth(1).unwrap_or_default();
    let failure = Failure::new("SLP-PYT-105", format!("the hash of {name} is not the one that is required"))
        .class(Class::Integrity)
        .cause(cause)
        .help("if the version is the right one, take its hashes from the index anew (uv pip compile --generate-hashes); if nothing was changed, somebody changed the file");
    let name = name.split("==").next().unwrap_or_default();
    Some(subject.at_line_of(failure, name))
}

fn git(report: &Report, subject: &Subject<'_>) -> Option<Failure> {
    let missing = report.says("Git executable not found");
    if !missing && !report.says("Git operation failed") {
        return None;
    }
    let line = subject
        .requirements
        .lines
        .iter()
        .find(|line| match &line.what {
            What::Url { url, .. } => is_asked_for(url, report),
            _ => false,
        });
    let last = report.causes.last().cloned().unwrap_or_default();
    let mut failure = if missing {
        Failure::new("SLP-PYT-107", "a requirement is a git repository, and the build image has no git")
            .help("take the package from an index, or the archive of the same commit: name @ https://…/archive/<commit>.tar.gz")
            .help("or use a build image that has git")
    } else {
        chain(
            Failure::new(
                "SLP-PYT-107",
                "a requirement is a git repository that cannot be fetched",
            ),
            report,
        )
        .help(git_help(&last))
    };
    if ["resolve host", "timed out", "Connection refused"]
        .iter()
        .any(|words| last.contains(words))
    {
        failure = failure.class(Class::Transient);
    }
    if let Some(line) = line {
        failure = failure.at(line.shown());
    }
    Some(failure)
}

/// The repository's address stands in the report, unless git was not even asked.
fn is_asked_for(url: &str, report: &Report) -> bool {
    let Some(address) = url.strip_prefix("git+") else {
        return false;
    };
    let address = address.split(['#', '@']).next().unwrap_or_default();
    report.says("Git executable not found")
        || report.says(address)
        || report.says(&without_user_info(address))
}

fn git_help(cause: &str) -> &'static str {
    if cause.contains("resolve host") || cause.contains("timed out") || cause.contains("refused") {
        "check that the host can be reached from here; behind a proxy set HTTPS_PROXY"
    } else if cause.contains("Host key verification failed") || cause.contains("Permission denied")
    {
        "no ssh keys are in the build: use an https:// address"
    } else if cause.contains("could not read Username") || cause.contains("Authentication failed") {
        "the repository is private or does not exist; for a private one put credentials into netrc"
    } else {
        "check the repository's address and the branch, tag or commit after the @"
    }
}

fn certificate(report: &Report) -> Option<Failure> {
    let signs = [
        "invalid peer certificate",
        "certificate verify failed",
        "self-signed certificate",
    ];
    signs.iter().any(|sign| report.says(sign)).then(|| {
        chain(Failure::new("SLP-PYT-111", "the package index could not prove who it is"), report)
            .help("if the network uses its own certificate authority, set SSL_CERT_FILE to a PEM bundle that contains it")
            .help("a wrong clock gives the same error")
    })
}

fn denied(report: &Report) -> Option<Failure> {
    let signs = [
        "401 Unauthorized",
        "403 Forbidden",
        "407 Proxy Authentication Required",
    ];
    signs.iter().any(|sign| report.says(sign)).then(|| {
        let mut failure =
            Failure::new("SLP-PYT-112", "the package index refuses access").class(Class::Denied);
        for line in report.hints.iter().chain(&report.causes) {
            if signs.iter().any(|sign| line.contains(sign)) {
                failure = failure.cause(without_user_info(line));
            }
        }
        failure
            .help("check the user name and password or token in PIP_INDEX_URL, pip.conf or netrc")
    })
}

fn offline(report: &Report) -> Option<Failure> {
    let hint = report
        .hints
        .iter()
        .find(|hint| hint.contains("network was disabled"))?;
    let failure = Failure::new(
        "SLP-PYT-110",
        "a package is not in the cache, and the network is switched off",
    );
    Some(
        chain(failure, report)
            .cause(hint)
            .class(Class::Transient)
            .help("build once with the network, or put the wheels into a folder vendor/"),
    )
}

fn network(report: &Report) -> Option<Failure> {
    let signs = [
        "error sending request",
        "dns error",
        "Failed to fetch",
        "HTTP status server error",
        "operation timed out",
        "connection closed before",
        "error decoding response body",
    ];
    signs.iter().any(|sign| report.says(sign)).then(|| {
        let busy = report.says("HTTP status server error") || report.says("429 Too Many Requests");
        let what = if busy {
            "the package index does not work at the moment"
        } else {
            "the package index cannot be reached"
        };
        let failure = chain(Failure::new("SLP-PYT-110", what), report).class(Class::Transient);
        if busy {
            failure.help("try again later")
        } else {
            failure.help("check the network; behind a proxy set HTTPS_PROXY, for another index set PIP_INDEX_URL")
        }
    })
}

/// uv's error and its causes, without what user names and passwords they hold.
fn chain(failure: Failure, report: &Report) -> Failure {
    let errors = std::iter::once(&report.error).filter(|error| !error.is_empty());
    errors
        .chain(&report.causes)
        .fold(failure, |failure, cause| {
            failure.cause(without_user_info(cause))
        })
}
