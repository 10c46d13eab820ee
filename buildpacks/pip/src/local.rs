//! Requirements that are folders or archives of the source itself: `-e .`, `./libs/common`.
//!
//! An editable one stays what it is, since the source lies at the same path when the image runs: changing it does not
//! change the layer. Building leaves litter in the source, which would end up in the image; it is taken away again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toolkit::{Failure, Result, read_bytes, sha256};

use crate::requirements::{Requirements, What, beneath};

/// Folders that say nothing about what a build makes of a source.
const IGNORED: [&str; 9] = [
    ".git",
    ".hg",
    ".tox",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    "venv",
];

/// Of an editable project only these decide what is installed.
const BUILD_FILES: [&str; 4] = ["pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"];

/// A project or archive in the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Local {
    /// Below the application's folder; empty for the folder itself.
    pub(crate) path: PathBuf,
    pub(crate) editable: bool,
}

/// Those that requirements name; a path that leads out of the source is an error with its line.
pub(crate) fn locals(requirements: &Requirements) -> Result<Vec<Local>> {
    let mut found = BTreeSet::new();
    for line in &requirements.lines {
        let What::Local { path, editable } = &line.what else {
            continue;
        };
        let written = path.split([';', '[']).next().unwrap_or_default().trim();
        let written = written.strip_prefix("file:").unwrap_or(written);
        let path = beneath(Path::new(written)).ok_or_else(|| {
            Failure::new(
                "SLP-PYT-115",
                format!("{written} lies outside of the application's folder"),
            )
            .at(line.shown())
            .help("only the source folder is in the build: move the project into it, or build from the folder above")
        })?;
        found.insert(Local {
            path,
            editable: *editable,
        });
    }
    Ok(found.into_iter().collect())
}

impl Local {
    /// A text that changes whenever installing it would give something else.
    pub(crate) fn identity(&self, app: &Path) -> Result<String> {
        let path = app.join(&self.path);
        if path.is_file() {
            return digest(&path);
        }
        let mut parts = Vec::new();
        if self.editable {
            for name in BUILD_FILES {
                parts.push(digest(&path.join(name))?);
            }
            parts.extend(packages(&path));
        } else {
            tree(&path, &path, &mut parts)?;
        }
        Ok(sha256(parts.join("\n").as_bytes()))
    }
}

fn digest(file: &Path) -> Result<String> {
    Ok(read_bytes(file)?.map_or_else(String::new, |bytes| sha256(&bytes)))
}

/// Names at the top and in `src`: which packages and modules an editable project has.
fn packages(project: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for folder in [project.to_owned(), project.join("src")] {
        for entry in sorted(&folder) {
            let package = entry.join("__init__.py").is_file();
            if package || entry.extension().is_some_and(|end| end == "py") {
                names.push(file_name(&entry));
            }
        }
        names.push(String::from("/"));
    }
    names
}

fn tree(project: &Path, folder: &Path, parts: &mut Vec<String>) -> Result<()> {
    for entry in sorted(folder) {
        let name = file_name(&entry);
        if IGNORED.contains(&name.as_str()) || name.ends_with(".egg-info") {
            continue;
        }
        let Ok(meta) = entry.symlink_metadata() else {
            continue;
        };
        let shown = entry.strip_prefix(project).unwrap_or(&entry).display();
        if meta.is_dir() {
            parts.push(format!("{shown}/"));
            tree(project, &entry, parts)?;
        } else if meta.is_file() {
            parts.push(format!("{shown} {}", digest(&entry)?));
        } else if meta.is_symlink() {
            let target = fs::read_link(&entry).unwrap_or_default();
            parts.push(format!("{shown} -> {}", target.display()));
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What building might leave in the source, and what of it was there before.
#[derive(Debug)]
pub(crate) struct Litter {
    projects: Vec<PathBuf>,
    before: BTreeSet<PathBuf>,
}

impl Litter {
    pub(crate) fn watch(app: &Path, locals: &[Local]) -> Litter {
        let projects = locals.iter().map(|local| app.join(&local.path));
        let projects: Vec<PathBuf> = projects.filter(|path| path.is_dir()).collect();
        Litter {
            before: candidates(&projects).into_iter().collect(),
            projects,
        }
    }

    /// Removes what was not there before.
    pub(crate) fn remove(&self) -> Result<()> {
        for path in candidates(&self.projects) {
            if !self.before.contains(&path) {
                toolkit::remove(&path)?;
            }
        }
        Ok(())
    }
}

/// setuptools' `build` and `*.egg-info`.
fn candidates(projects: &[PathBuf]) -> Vec<PathBuf> {
    let folders = projects
        .iter()
        .flat_map(|project| [project.clone(), project.join("src")]);
    folders
        .flat_map(|folder| sorted(&folder))
        .filter(|path| {
            let name = file_name(path);
            name == "build" || name.ends_with(".egg-info")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn local(editable: bool) -> Local {
        Local {
            path: PathBuf::new(),
            editable,
        }
    }

    #[test]
    fn editing_code_changes_a_built_project_but_not_an_editable_one() {
        let app = tempfile::tempdir().unwrap();
        let module = app.path().join("src/shop/__init__.py");
        write(&app.path().join("setup.py"), "setup()");
        write(&module, "x = 1");
        let before = [true, false].map(|editable| local(editable).identity(app.path()).unwrap());
        write(&module, "x = 2");
        let after = [true, false].map(|editable| local(editable).identity(app.path()).unwrap());
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
        write(&app.path().join("src/more/__init__.py"), "");
        assert_ne!(local(true).identity(app.path()).unwrap(), after[0]);
    }

    #[test]
    fn only_what_the_build_left_is_taken_away() {
        let app = tempfile::tempdir().unwrap();
        write(&app.path().join("old.egg-info/PKG-INFO"), "");
        let litter = Litter::watch(app.path(), &[local(false)]);
        write(&app.path().join("build/lib/x.py"), "");
        write(&app.path().join("src/new.egg-info/PKG-INFO"), "");
        litter.remove().unwrap();
        assert!(app.path().join("old.egg-info").exists());
        assert!(!app.path().join("build").exists());
        assert!(!app.path().join("src/new.egg-info").exists());
    }
}
