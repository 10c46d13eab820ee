//! Variables that pip and uv obey: the caller's as files, and those that this build was given.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toolkit::{Context, Failure, Result, read_text};

use super::Options;

/// Variables that would install elsewhere, or something else than asked for.
///
/// The list of Heroku's buildpack, less what means nothing to uv.
const REFUSED: [&str; 21] = [
    "PIP_CACHE_DIR",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPLATLIBDIR",
    "PYTHONUSERBASE",
    "UV_CACHE_DIR",
    "UV_INSTALL_DIR",
    "UV_MANAGED_PYTHON",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_PYTHON_DOWNLOADS",
    "UV_PYTHON_INSTALL_DIR",
    "UV_PYTHON_PREFERENCE",
    "UV_SYSTEM_PYTHON",
    "VIRTUAL_ENV",
];

pub(super) fn refuse(cx: &Context<'_>) -> Result<()> {
    let set = REFUSED.iter().find(|name| !cx.env.get(name).is_empty());
    match set {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            "SLP-PYT-116",
            format!("the variable {name} cannot be set for a build"),
        )
        .cause("packages would be installed elsewhere than where the image has them")
        .help(format!("remove {name} from --env and project.toml"))),
    }
}

/// Variables of pip and uv: the caller's, and over them those that this build was given.
pub(super) fn read(cx: &Context<'_>, folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let (Ok(name), Some(value)) =
            (entry.file_name().into_string(), read_text(&entry.path())?)
        {
            found.insert(name, value);
        }
    }
    let given = cx.env.iter().filter_map(|(name, value)| {
        let name = name.to_str().filter(|name| is_about_installing(name))?;
        Some((name.to_owned(), value.to_str()?.to_owned()))
    });
    found.extend(given);
    found.retain(|name, value| is_about_installing(name) && !value.trim().is_empty());
    Ok(found)
}

/// Does this buildpack translate the variable instead of handing it down?
pub(crate) fn is_about_installing(name: &str) -> bool {
    name.starts_with("PIP_") || name.starts_with("UV_")
}

/// `PIP_EXTRA_INDEX_URL` is `extra-index-url`.
pub(super) fn of_pip(variables: &BTreeMap<String, String>) -> Options {
    variables
        .iter()
        .filter_map(|(name, value)| {
            let option = name.strip_prefix("PIP_")?;
            let option = option.to_ascii_lowercase().replace('_', "-");
            Some((option, value.clone()))
        })
        .collect()
}
