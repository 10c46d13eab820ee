//! The environment of the process, read once: what the libraries get as values.

use std::env;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use platform::{Caller, Error, ErrorKind, State};

use crate::ui::units;

/// Base images and a handful of applications; the machines of those who build have it.
const CACHE_BYTES: u64 = 10_000_000_000;

/// Everything that is read where the program begins.
pub(crate) struct Environment {
    pub(crate) caller: Caller,
    pub(crate) colour: bool,
}

impl Environment {
    pub(crate) fn read() -> Environment {
        let caller = Caller::new(env::vars_os());
        let dumb = caller.variable("TERM").is_some_and(|term| term == "dumb");
        let colour =
            std::io::stderr().is_terminal() && caller.variable("NO_COLOR").is_none() && !dumb;
        Environment { caller, colour }
    }

    /// `SLIPWAY_HOME`, else the XDG base folders.
    ///
    /// Source: XDG Base Directory Specification 0.8, "Environment variables".
    pub(crate) fn state(&self) -> Result<State, Error> {
        if let Some(home) = self.caller.variable("SLIPWAY_HOME") {
            return Ok(State::home(&absolute(Path::new(home))?));
        }
        let folder = |name: &str, below: &str| -> Result<PathBuf, Error> {
            // A relative path is to be ignored, says the specification.
            match self
                .caller
                .variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
            {
                Some(path) => Ok(path),
                None => Ok(self.home()?.join(below)),
            }
        };
        Ok(State::xdg(
            &folder("XDG_DATA_HOME", ".local/share")?,
            &folder("XDG_CACHE_HOME", ".cache")?,
            &folder("XDG_STATE_HOME", ".local/state")?,
        ))
    }

    fn home(&self) -> Result<PathBuf, Error> {
        match self
            .caller
            .variable("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute())
        {
            Some(home) => Ok(home),
            None => Err(
                Error::new(ErrorKind::Usage, "there is no HOME to keep images in")
                    .help("set SLIPWAY_HOME=FOLDER to say where slipway keeps its things"),
            ),
        }
    }

    /// Seconds since 1970 for everything in an image: `SOURCE_DATE_EPOCH`, else the constant.
    ///
    /// Source: reproducible-builds.org, "SOURCE_DATE_EPOCH".
    pub(crate) fn created(&self) -> Result<i64, Error> {
        let Some(text) = self.caller.variable("SOURCE_DATE_EPOCH") else {
            return Ok(phases::export::CREATED);
        };
        let seconds = text
            .to_str()
            .and_then(|text| text.parse().ok())
            .filter(|seconds| *seconds >= 0);
        seconds.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("SOURCE_DATE_EPOCH={} is no time", text.to_string_lossy()))
                .help("it is the number of seconds since 1970, such as the output of `git log -1 --format=%ct`")
        })
    }

    /// How much may be kept of what can be had again: `SLIPWAY_CACHE_SIZE`, else 10 GB.
    pub(crate) fn cache_bytes(&self) -> Result<u64, Error> {
        let Some(text) = self.caller.variable("SLIPWAY_CACHE_SIZE") else {
            return Ok(CACHE_BYTES);
        };
        let text = text.to_string_lossy();
        units::parse_bytes(&text)
            .map_err(|what| Error::new(ErrorKind::Usage, format!("SLIPWAY_CACHE_SIZE: {what}")))
    }

    /// `NAME=VALUE`, or `NAME` for the caller's own value, as docker has it.
    pub(crate) fn variable(&self, text: &str) -> Result<(String, OsString), Error> {
        if let Some((name, value)) = text.split_once('=') {
            return Ok((name.to_owned(), value.into()));
        }
        match self.caller.variable(text) {
            Some(value) => Ok((text.to_owned(), value.to_owned())),
            None => Err(
                Error::new(ErrorKind::Usage, format!("the variable {text} is not set"))
                    .help(format!("give its value: -e {text}=VALUE")),
            ),
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|cause| {
        Error::new(
            ErrorKind::Usage,
            format!("reading SLIPWAY_HOME={}", path.display()),
        )
        .because(cause)
    })
}
