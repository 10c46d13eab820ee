//! What both programs of a buildpack are given.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::SystemTime;

use cnb::Environment;

use crate::{Failure, Log, Result};

/// Where things lie and what the caller wants. [`DetectContext`](crate::DetectContext) and
/// [`BuildContext`](crate::BuildContext) deref to it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The application's source, and the working directory. Absolute.
    pub app: PathBuf,
    /// What the platform has for buildpacks besides the environment.
    pub platform: PathBuf,
    /// The complete environment, the user's build variables included.
    pub env: Environment,
    /// From the buildpack's own buildpack.toml.
    pub id: String,
    pub version: String,
    /// Wall clock at the start. Not for anything that ends up in a layer.
    pub now: SystemTime,
    pub log: &'a Log,
}

impl Context<'_> {
    /// A variable's value; absent and empty are the same.
    pub fn variable(&self, name: &str) -> Result<Option<&str>> {
        let value = self.env.get(OsStr::new(name));
        match value.to_str() {
            Some("") => Ok(None),
            Some(value) => Ok(Some(value)),
            None => Err(Failure::new(
                "SLP-CFG-101",
                format!("the variable {name} is not UTF-8"),
            )),
        }
    }

    /// A variable that says yes or no; absent is no.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.variable(name)?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("0" | "false" | "no" | "off") => Ok(false),
            Some("1" | "true" | "yes" | "on") => Ok(true),
            Some(other) => Err(Failure::new(
                "SLP-CFG-102",
                format!("the variable {name} is `{other}`"),
            )
            .help(format!("set {name} to true or false"))),
        }
    }
}
