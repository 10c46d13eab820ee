//! The interpreter that the venv is for.

use std::path::PathBuf;

use toolkit::{Command, Context, Failure, Result, find_program};

/// An interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// Links resolved: `/usr/bin/python3.13`.
    pub(crate) path: PathBuf,
    /// `3.13`. Which patch it is does not matter: it changes with the base image.
    pub(crate) minor: String,
}

/// The first `python3` in `PATH`. Debian's name already says the version, so nothing is started for it.
pub(crate) fn find(cx: &Context<'_>) -> Result<Interpreter> {
    let program = find_program("python3", cx.env.get("PATH")).ok_or_else(|| {
        Failure::new("SLP-PYT-003", "the build image has no Python")
            .help("use a build image with Python 3, such as the default one")
    })?;
    let path = program.canonicalize().unwrap_or(program);
    let name = path.file_name().and_then(|name| name.to_str());
    let minor = name
        .and_then(|name| name.strip_prefix("python"))
        .filter(|version| is_minor(version))
        .map(str::to_owned);
    match minor {
        Some(minor) => Ok(Interpreter { path, minor }),
        None => ask(cx, path),
    }
}

fn is_minor(version: &str) -> bool {
    version
        .strip_prefix("3.")
        .is_some_and(|minor| !minor.is_empty() && minor.chars().all(|c| c.is_ascii_digit()))
}

fn ask(cx: &Context<'_>, path: PathBuf) -> Result<Interpreter> {
    let script = "import os, sys; print('%d.%d %s' % (*sys.version_info[:2], os.path.realpath(sys.executable)))";
    let ended = Command::new(&path, &cx.app, &cx.env)
        .args(["-I", "-S", "-c", script])
        .output()?;
    let answer = ended.text.trim_end().split_once(' ');
    match answer.filter(|(minor, _)| ended.success() && is_minor(minor)) {
        Some((minor, path)) => Ok(Interpreter {
            path: PathBuf::from(path),
            minor: minor.to_owned(),
        }),
        None => Err(Failure::new(
            "SLP-PYT-004",
            format!("{} does not say its version", path.display()),
        )
        .cause(ended.text.trim_end())),
    }
}
