//! Arguments that `build` and `detect` share.

use std::path::PathBuf;

use platform::{Error, Fetching, Inputs};

use super::Failed;
use crate::environment::Environment;

#[derive(clap::Args)]
pub(super) struct Common {
    /// Folder with the application
    #[arg(default_value = ".", value_name = "SOURCE")]
    pub(super) source: PathBuf,
    /// Use exactly these buildpacks, in this order: folders with a buildpack.toml, or ids such as slipway/pip
    #[arg(short, long = "buildpack", value_name = "FOLDER|ID")]
    buildpacks: Vec<String>,
    /// Variable for the buildpacks; NAME alone takes your own value
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Download nothing
    #[arg(long)]
    offline: bool,
    /// Fail when a package of the base image lock is no longer offered, instead of taking its successor
    #[arg(long)]
    locked: bool,
}

impl Common {
    pub(super) fn inputs(&self, environment: &Environment) -> Result<Inputs, Error> {
        Ok(Inputs {
            source: self.source.clone(),
            buildpacks: self.buildpacks.clone(),
            env: self
                .env
                .iter()
                .map(|text| environment.variable(text))
                .collect::<Result<_, _>>()?,
            fetching: Fetching {
                offline: self.offline,
                locked: self.locked,
            },
        })
    }

    /// An error of these inputs, with the source that a failed detection explains.
    pub(super) fn failed(&self, error: Error) -> Failed {
        Failed {
            source: Some(self.source.clone()),
            ..error.into()
        }
    }
}
