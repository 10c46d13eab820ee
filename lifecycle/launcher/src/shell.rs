//! Processes that go through bash: profile scripts are sourced, then bash evaluates command and arguments.
//!
//! Compatible behaviour needs the very script of the Go launcher: its `eval echo` swallows `-n` and `-e`, runs
//! backticks, and leaves `~` and `*` alone. `LA-7`.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};

use cnb::LaunchBuildpack;

use crate::error::go_text;
use crate::select::api_of;
use crate::tree::{Layers, Text};
use crate::{Chosen, Error, ErrorKind, Result};

/// The shell.
pub const BASH: &str = "/bin/bash";

/// What bash takes the command for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// A script of its own.
    Whole,
    /// The first of several words, each of which is evaluated.
    Words,
}

impl Script {
    /// A command without arguments is a script. Arguments need a buildpack that is listed, or none at all.
    pub fn of(chosen: &Chosen, buildpacks: &[LaunchBuildpack]) -> Result<Script> {
        if chosen.args.is_empty() {
            return Ok(Script::Whole);
        }
        let id = &chosen.buildpack_id;
        if !id.is_empty() && api_of(buildpacks, id).is_none() {
            let what = format!(
                "process type '{}' provided by unknown buildpack '{id}'",
                chosen.process_type
            );
            return Err(Error::new(ErrorKind::UnknownBuildpack, what));
        }
        Ok(Script::Words)
    }
}

/// Lists profile scripts in the order they are sourced, `.profile` of the app last.
pub fn profiles(
    layers: &Layers,
    process_type: &str,
    app: &Path,
) -> std::result::Result<Vec<PathBuf>, String> {
    let mut profiles = layers.files("profile.d", process_type)?;
    if has_own_profile(app)? {
        // By its bare name: bash looks for it in PATH first.
        profiles.push(PathBuf::from(".profile"));
    }
    Ok(profiles)
}

fn has_own_profile(app: &Path) -> Text<bool> {
    let path = app.join(".profile");
    match fs::metadata(&path) {
        Ok(metadata) => Ok(!metadata.is_dir()),
        Err(error) if error.kind() == IoErrorKind::NotFound => Ok(false),
        Err(error) => {
            let (path, what) = (path.display(), go_text(&error));
            Err(format!(
                "failed to determine if app profile script exists at path '{path}': stat {path}: {what}"
            ))
        }
    }
}

/// Prints the script that bash is given; `args` is the number of arguments.
pub fn text(profiles: &[PathBuf], working_dir: &Path, script: Script, args: usize) -> OsString {
    let mut text = OsString::new();
    for profile in profiles {
        quoted(&mut text, "source", profile);
    }
    quoted(&mut text, "cd", working_dir);
    match script {
        Script::Whole => text.push(r#"exec bash -c "$@""#),
        Script::Words => text.push(words(args)),
    }
    text
}

fn quoted(text: &mut OsString, command: &str, path: &Path) {
    text.push(command);
    text.push(" \"");
    text.push(path);
    text.push("\"\n");
}

fn words(args: usize) -> String {
    let word = |index: usize| match index {
        0 => r#""$(eval echo \"$0\")""#.to_owned(),
        _ => format!(r#""$(eval echo \"${{{index}}}\")""#),
    };
    let words: Vec<String> = (0..=args).map(word).collect();
    format!(r#"exec bash -c '{}' "${{@:1}}""#, words.join(" "))
}
