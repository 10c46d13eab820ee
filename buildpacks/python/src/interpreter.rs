//! The interpreter that the base image brings.

use std::path::{Path, PathBuf};

use toolkit::{Command, Context, Failure, Result, find_program};

use crate::version::Version;

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// Links resolved: `/usr/bin/python3.13`.
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

/// Says its version and nothing else; `-I -S` so that nothing of the application is looked at.
const ASK: [&str; 4] = [
    "-I",
    "-S",
    "-c",
    "import sys; print('%d.%d.%d' % sys.version_info[:3])",
];

/// The first `python3` in `PATH`.
pub(crate) fn find(cx: &Context<'_>) -> Result<Interpreter> {
    let program = find_program("python3", cx.env.get("PATH")).ok_or_else(|| {
        Failure::new("SLP-PYT-003", "the build image has no Python").help(
            "use a build image with Python 3, such as the default one, or a buildpack that brings its own",
        )
    })?;
    let path = program.canonicalize().unwrap_or_else(|_| program.clone());
    Ok(Interpreter {
        version: ask(cx, &program)?,
        path,
    })
}

fn ask(cx: &Context<'_>, program: &Path) -> Result<Version> {
    let ended = Command::new(program, &cx.app, &cx.env).args(ASK).output()?;
    Version::parse(&ended.text)
        .filter(|_| ended.success())
        .ok_or_else(|| {
            Failure::new(
                "SLP-PYT-004",
                format!("{} does not say its version", program.display()),
            )
            .cause(ended.text.trim_end())
        })
}
