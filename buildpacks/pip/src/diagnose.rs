//! Why uv failed, in the user's terms: which package, which line, what to do.
//!
//! uv says it in a fixed form (`error:`, `cause:`, `hint:`); the causes below it, compilers and git say it in theirs.
//! The order matters: what hides everything else comes first.

mod build_failed;
mod python2;
mod report;
mod resolution;
mod transport;

use toolkit::{Ended, Exit, Failure};

use crate::interpreter::Interpreter;
use crate::requirements::{Line, Requirements};
use report::Report;

/// What is known besides uv's words.
pub(crate) struct Subject<'a> {
    pub(crate) requirements: &'a Requirements,
    pub(crate) interpreter: &'a Interpreter,
}

impl Subject<'_> {
    /// Adds the line that asks for a distribution, where one does.
    fn at_line_of(&self, failure: Failure, name: &str) -> Failure {
        match self.requirements.line_of(name) {
            Some(line) => failure.at(Line::shown(line)),
            None => failure,
        }
    }
}

/// Explains how uv ended. `None` when the only thing to say is what uv said itself.
pub(crate) fn explain(ended: &Ended, subject: &Subject<'_>) -> Failure {
    let report = Report::parse(&ended.text);
    let known = killed(ended)
        .or_else(|| transport::explain(&report, subject))
        .or_else(|| python2::explain(&report, subject))
        .or_else(|| build_failed::explain(&report, subject))
        .or_else(|| resolution::explain(&report, subject));
    known
        .unwrap_or_else(|| unknown(&report, ended))
        .state("nothing was installed")
}

fn killed(ended: &Ended) -> Option<Failure> {
    let out_of_memory = ended.exit == Exit::Signal(9) || ended.exit == Exit::Code(137);
    out_of_memory.then(|| {
        Failure::new("SLP-PYT-120", "the installer was killed, most likely for want of memory")
            .help("give the build more memory, or install packages that have wheels instead of building them")
    })
}

fn unknown(report: &Report, ended: &Ended) -> Failure {
    let what = if report.error.is_empty() {
        format!("uv ended with {:?}", ended.exit)
    } else {
        format!("uv failed: {}", report.error)
    };
    let mut failure = Failure::new("SLP-PYT-199", what);
    for cause in &report.causes {
        failure = failure.cause(cause);
    }
    for hint in &report.hints {
        failure = failure.help(hint);
    }
    failure
}

#[cfg(test)]
mod tests;
