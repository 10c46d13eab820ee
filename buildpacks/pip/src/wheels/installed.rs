//! Which file of the venv is whose, by the lists that uv leaves with each distribution.
//!
//! Spec: <https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file>

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toolkit::{Result, read_text};

use super::list::is_sane;
use super::resolved::{self, Wheel};
use super::{Made, failed};
use crate::requirements::beneath;
use crate::settle::LEFT_BY_UV;
use crate::venv::Venv;

/// The files that wheels have become, below the venv, by the wheels' digests. `None` when they cannot be told.
pub(super) fn of(venv: &Venv, wheels: &[&Wheel]) -> Result<Option<Vec<Made>>> {
    let site = venv.site_packages();
    let mut found = Vec::new();
    let entries = fs::read_dir(&site).map_err(|error| failed("listing", &site, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed("listing", &site, &error))?;
        let folder = entry.file_name();
        let wheel = folder
            .to_str()
            .and_then(|name| resolved::of_dist_info(name, wheels));
        if let Some(wheel) = wheel {
            let record = read_text(&entry.path().join("RECORD"))?.unwrap_or_default();
            let Some(files) = files(venv, &record) else {
                return Ok(None);
            };
            found.push((wheel.sha256.clone(), files));
        }
    }
    found.sort();
    Ok((found.len() == wheels.len()).then_some(found))
}

/// The files that a RECORD names, below the venv, sorted.
fn files(venv: &Venv, record: &str) -> Option<Vec<PathBuf>> {
    let site = venv.site_packages();
    let site = site.strip_prefix(&venv.path).ok()?;
    let mut files = BTreeSet::new();
    for line in record.lines().filter(|line| !line.is_empty()) {
        let path = beneath(&site.join(first_field(line)?))?;
        files.insert(is_sane(&path).then_some(path)?);
    }
    Some(files.into_iter().collect())
}

/// The first field of a line of comma-separated values.
fn first_field(line: &str) -> Option<String> {
    let Some(quoted) = line.strip_prefix('"') else {
        return line.split(',').next().map(str::to_owned);
    };
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        let Some(more) = after.strip_prefix('"') else {
            return Some(field);
        };
        field.push('"');
        rest = more;
    }
}

pub(super) fn is_module(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == "py")
}

/// Of each distribution what there is: its files, and the bytecode of its modules.
pub(super) fn with_bytecode(venv: &Venv, found: Vec<Made>, minor: &str) -> Vec<Made> {
    let all = |files: Vec<PathBuf>| {
        let compiled: Vec<PathBuf> = files
            .iter()
            .filter_map(|path| bytecode_of(path, minor))
            .collect();
        let all: BTreeSet<PathBuf> = files.into_iter().chain(compiled).collect();
        all.into_iter()
            .filter(|path| venv.path.join(path).is_file())
            .collect()
    };
    found
        .into_iter()
        .map(|(wheel, files)| (wheel, all(files)))
        .collect()
}

/// `a/b.py` is compiled to `a/__pycache__/b.cpython-313.pyc`.
fn bytecode_of(module: &Path, minor: &str) -> Option<PathBuf> {
    let stem = module.file_stem().filter(|_| is_module(module))?.to_str()?;
    let name = format!("{stem}.cpython-{}.pyc", minor.replace('.', ""));
    Some(module.with_file_name("__pycache__").join(name))
}

/// What is in a venv, by paths below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// Whatever is no folder.
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

pub(super) fn tree(top: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        let path = top.join(&folder);
        let entries = fs::read_dir(&path).map_err(|error| failed("listing", &path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed("listing", &path, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| failed("looking at", &path, &error))?;
            let below = folder.join(entry.file_name());
            if kind.is_dir() {
                waiting.push(below.clone());
                tree.folders.insert(below);
            } else {
                tree.files.insert(below);
            }
        }
    }
    Ok(tree)
}

/// Do lists name exactly the files that have come to a venv since `before`, each once, and is no folder there but for a file?
pub(super) fn is_all(
    before: &Tree,
    venv: &Path,
    listed: impl Iterator<Item = PathBuf>,
) -> Result<bool> {
    let mut files = before.files.clone();
    for path in listed {
        if !files.insert(path) {
            return Ok(false);
        }
    }
    let mut folders = before.folders.clone();
    for file in &files {
        let parents = file.ancestors().skip(1);
        folders.extend(
            parents
                .filter(|path| *path != Path::new(""))
                .map(Path::to_owned),
        );
    }
    let mut now = tree(venv)?;
    for name in LEFT_BY_UV {
        now.files.remove(Path::new(name));
    }
    Ok(now == Tree { files, folders })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_files_anywhere_in_the_venv_and_nowhere_else() {
        let top = tempfile::tempdir().unwrap();
        let interpreter = crate::interpreter::Interpreter {
            path: "/usr/bin/python3.13".into(),
            minor: "3.13".to_owned(),
        };
        let venv = Venv::create(&top.path().join("venv"), &interpreter).unwrap();
        let record = "../../../bin/tool,sha256=x,1\na/b.py,,\n\"a,\"\"c\"\".py\",sha256=y,2\n";
        let site = Path::new("lib/python3.13/site-packages");
        assert_eq!(
            files(&venv, record).unwrap(),
            [
                PathBuf::from("bin/tool"),
                site.join("a/b.py"),
                site.join("a,\"c\".py")
            ]
        );
        for bad in ["/etc/passwd,,", "../../../../x,,", "\"a", "../../..,,"] {
            assert_eq!(files(&venv, bad), None, "{bad}");
        }
    }

    #[test]
    fn bytecode_lies_beside_its_module() {
        assert_eq!(
            bytecode_of(Path::new("lib/a.b.py"), "3.13"),
            Some("lib/__pycache__/a.b.cpython-313.pyc".into())
        );
        assert_eq!(bytecode_of(Path::new("lib/a.pyi"), "3.13"), None);
    }

    #[test]
    fn a_file_or_folder_that_no_list_names_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let venv = top.path();
        fs::write(venv.join("pyvenv.cfg"), "").unwrap();
        let before = tree(venv).unwrap();
        fs::create_dir_all(venv.join("lib/a")).unwrap();
        fs::write(venv.join("lib/a/x.py"), "").unwrap();
        fs::write(venv.join(".lock"), "").unwrap();
        let of = |paths: &[&str]| is_all(&before, venv, paths.iter().map(PathBuf::from)).unwrap();
        assert!(of(&["lib/a/x.py"]));
        assert!(
            !of(&["lib/a/x.py", "lib/a/y.py"]),
            "a file that is not there"
        );
        assert!(!of(&["lib/a/x.py", "lib/a/x.py"]), "a file of two");
        assert!(!of(&["lib/a/x.py", "pyvenv.cfg"]), "a file of the venv");
        fs::create_dir(venv.join("lib/empty")).unwrap();
        assert!(!of(&["lib/a/x.py"]));
        fs::remove_dir(venv.join("lib/empty")).unwrap();
        fs::write(venv.join("lib/z"), "").unwrap();
        assert!(!of(&["lib/a/x.py"]));
    }
}
