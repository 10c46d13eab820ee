//! What the launcher is told: by its name and arguments, by its environment, by metadata.toml.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use cnb::{BuildpackApi, Environment, ErrorKind as CnbErrorKind, LaunchMetadata, PlatformApi};

use crate::error::go_text;
use crate::{Error, ErrorKind, Result};

/// Everything that decides what is started and how.
#[derive(Debug)]
pub struct Settings {
    pub platform_api: PlatformApi,
    pub exec_env: String,
    /// The name it was called by, then what the user gave.
    pub args: Vec<OsString>,
    pub layers: PathBuf,
    pub app: PathBuf,
    pub metadata: LaunchMetadata,
    /// What processes see of our own environment.
    pub environ: Environment,
    /// `CNB_PROCESS_TYPE`, which does nothing any more.
    pub ignored_process_type: String,
}

impl Settings {
    /// Reads environment and metadata.toml, and checks all API versions (API-1, API-3).
    pub fn read(vars: Vec<(OsString, OsString)>, args: Vec<OsString>) -> Result<Settings> {
        let own = Environment::new(vars);
        let platform_api = platform_api(&own.get("CNB_PLATFORM_API").to_string_lossy())?;
        let layers = or_default(own.get("CNB_LAYERS_DIR"), "/layers");
        let metadata = metadata(&Path::new(&layers).join("config/metadata.toml"))?;
        Ok(Settings {
            platform_api,
            exec_env: or_default(own.get("CNB_EXEC_ENV"), "production")
                .to_string_lossy()
                .into_owned(),
            args,
            layers: layers.into(),
            app: or_default(own.get("CNB_APP_DIR"), "/workspace").into(),
            metadata,
            ignored_process_type: own.get("CNB_PROCESS_TYPE").to_string_lossy().into_owned(),
            environ: Environment::for_launch(own),
        })
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let (name, api) = (&self.ignored_process_type, self.platform_api);
        if name.is_empty() {
            return Vec::new();
        }
        vec![
            format!("CNB_PROCESS_TYPE is not supported in Platform API {api}"),
            format!("Run with ENTRYPOINT '{name}' to invoke the '{name}' process type"),
        ]
    }
}

/// An empty variable counts as unset.
fn or_default(value: &OsStr, default: &str) -> OsString {
    if value.is_empty() {
        default.into()
    } else {
        value.to_owned()
    }
}

fn platform_api(text: &str) -> Result<PlatformApi> {
    let refused = |what: String| Err(Error::new(ErrorKind::PlatformApi, what));
    if text.trim().is_empty() {
        let please = "please set 'CNB_PLATFORM_API' to specify the desired platform API version";
        return refused(format!("get platform API version; {please}"));
    }
    match text.parse() {
        Ok(api) => Ok(api),
        Err(error) if error.kind() == CnbErrorKind::ApiSyntax => {
            refused(format!("parse platform API '{text}'"))
        }
        Err(error) => refused(format!("set platform API: {error}")),
    }
}

fn metadata(path: &Path) -> Result<LaunchMetadata> {
    let failed = |what: String| Error::new(ErrorKind::Metadata, format!("read metadata: {what}"));
    let bytes = std::fs::read(path);
    let bytes =
        bytes.map_err(|error| failed(format!("open {}: {}", path.display(), go_text(&error))))?;
    let text = cnb::toml_file::text(&bytes, path).map_err(|error| failed(error.to_string()))?;
    let metadata = LaunchMetadata::parse(text, path).map_err(|error| failed(error.to_string()))?;
    for buildpack in &metadata.buildpacks {
        check_api(&buildpack.id, &buildpack.api)?;
    }
    Ok(metadata)
}

fn check_api(id: &str, api: &str) -> Result<()> {
    let what = match api.parse::<BuildpackApi>() {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == CnbErrorKind::ApiSyntax => {
            format!("parse buildpack API '{api}' for buildpack '{id}'")
        }
        Err(error) => format!("set API for buildpack '{id}': {error}"),
    };
    Err(Error::new(ErrorKind::BuildpackApi, what))
}
