//! Is there a requirements file; and if not, what would help?

use std::path::{Path, PathBuf};

use toolkit::{BuildPlan, Context, DetectContext, Detection, Result, provide, require};

use crate::imports;

/// What others of a group ask for.
pub(crate) const SITE_PACKAGES: &str = "site-packages";

const DEFAULT_FILE: &str = "requirements.txt";

/// Names that are not `requirements.txt` but look as if they were meant (the list of Heroku's buildpack).
const MISSPELLED: [&str; 13] = [
    "requirement.txt",
    "requirements",
    "requirements.text",
    "requirements.txt.txt",
    "requirements.in",
    "requirments.txt",
    "requeriments.txt",
    "requirement.text",
    "requierments.txt",
    "reqirements.txt",
    "Requirements.txt",
    "Requirement.txt",
    "REQUIREMENTS.txt",
];

/// Other tools' files, and how to get a requirements file out of them.
const OTHERS: [(&str, &str); 7] = [
    (
        "uv.lock",
        "uv export --no-dev --output-file requirements.txt",
    ),
    ("poetry.lock", "poetry export --output requirements.txt"),
    ("pdm.lock", "pdm export --prod --output requirements.txt"),
    ("Pipfile.lock", "pipenv requirements > requirements.txt"),
    ("Pipfile", "pipenv requirements > requirements.txt"),
    ("pyproject.toml", "echo . > requirements.txt"),
    (
        "environment.yml",
        "pip list --format=freeze > requirements.txt",
    ),
];

/// Those of them that pin versions, too.
const LOCKS: [&str; 4] = ["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"];

pub(crate) fn detect(cx: &DetectContext<'_>) -> Result<Detection> {
    let missing = files(cx)?
        .into_iter()
        .find(|file| !cx.app.join(file).is_file());
    if let Some(file) = missing {
        return Ok(absent(&cx.app, &file));
    }
    Ok(Detection::Pass(BuildPlan {
        provides: vec![provide(SITE_PACKAGES)],
        requires: vec![
            require("python", &["build", "launch"]),
            require(SITE_PACKAGES, &["launch"]),
        ],
        or: Vec::new(),
    }))
}

/// The files to install, below the application's folder: `BP_PIP_REQUIREMENT`, or requirements.txt.
pub(crate) fn files(cx: &Context<'_>) -> Result<Vec<PathBuf>> {
    let named = cx.variable("BP_PIP_REQUIREMENT")?.unwrap_or(DEFAULT_FILE);
    Ok(named.split_whitespace().map(PathBuf::from).collect())
}

/// Lock files of other tools beside a requirements file.
pub(crate) fn locks(app: &Path) -> impl Iterator<Item = &'static str> {
    LOCKS.into_iter().filter(|name| app.join(name).is_file())
}

/// The wording is Paketo's.
fn absent(app: &Path, file: &Path) -> Detection {
    let detection = Detection::fail(format!(
        "requirements file not found at: '{}'",
        file.display()
    ));
    if let Some(name) = misspelled(app) {
        return detection
            .help(format!(
                "found {name}; did you mean {DEFAULT_FILE}?  mv {name} {DEFAULT_FILE}"
            ))
            .help(format!(
                "other name on purpose?  --env BP_PIP_REQUIREMENT={name}"
            ));
    }
    let other = OTHERS.iter().find(|(name, _)| app.join(name).is_file());
    if let Some((name, command)) = other {
        return detection.help(format!(
            "found {name}; make a requirements file of it: {command}"
        ));
    }
    match imported(app) {
        Some(text) => detection.help(text),
        None => detection,
    }
}

/// On a file system that ignores case every spelling is there; the folder's own list says which one it is.
fn misspelled(app: &Path) -> Option<String> {
    let entries = std::fs::read_dir(app).ok()?.flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
        .into_iter()
        .find(|name| MISSPELLED.contains(&name.as_str()) && app.join(name).is_file())
}

fn imported(app: &Path) -> Option<String> {
    let found = imports::foreign(app);
    let first = found.first()?;
    let mut names: Vec<String> = found.iter().map(imports::Import::distribution).collect();
    names.dedup();
    Some(format!(
        "no file declares dependencies, and {} imports {}; add a {DEFAULT_FILE} with: {}",
        first.file,
        first.module,
        names.join(" ")
    ))
}
