//! Trees of wheels: those for CPython 3.13 on manylinux x86_64, whatever this machine runs.
//!
//! No scripts, for these would name an interpreter of this machine. Bytecode is compiled by the one of the Debian packages.

use std::fs;
use std::path::Path;
use std::process::Command;

use oci::Digest;

use crate::corpus::{Corpus, run, tree};
use crate::{Result, requirements};

const UNPACK: &str = include_str!("unpack.py");
const COMPILE: &str = r#"env -i PYTHONHOME="$1/usr" PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
    "$1/usr/lib64/ld-linux-x86-64.so.2" --library-path "$1/usr/lib/x86_64-linux-gnu" "$1/usr/bin/python3.13" \
    -S -m compileall -q --invalidation-mode unchecked-hash -s "$2" -p /layers/pip/packages "$2""#;

/// Text of a requirement file, for every version of a corpus.
pub(crate) const CORPORA: [(&str, &[&str]); 3] = [
    (
        "flask",
        &[
            include_str!("../requirements/flask-1.txt"),
            include_str!("../requirements/flask-2.txt"),
        ],
    ),
    (
        "django",
        &[
            include_str!("../requirements/django-1.txt"),
            include_str!("../requirements/django-2.txt"),
        ],
    ),
    (
        "sci",
        &[
            include_str!("../requirements/sci-1.txt"),
            include_str!("../requirements/sci-2.txt"),
            include_str!("../requirements/sci-3.txt"),
            include_str!("../requirements/sci-4.txt"),
        ],
    ),
];

/// Makes the trees of a corpus that are not below `cache` yet, with bytecode when there is a tree with an interpreter.
pub(crate) fn corpus(
    cache: &Path,
    name: &'static str,
    versions: &[&str],
    interpreter: Option<&Path>,
) -> Result<Corpus> {
    let trees = versions.iter().map(|text| {
        requirements::parse(text)?;
        let compiler = interpreter.and_then(Path::file_name);
        let key = Digest::of(format!("{text}{UNPACK}{COMPILE}{compiler:?}").as_bytes());
        tree(cache, name, key, &|tree| {
            install(cache, text, tree)?;
            interpreter.map_or(Ok(()), |root| compile(root, tree))
        })
    });
    let trees = trees.collect::<Result<_>>()?;
    Ok(Corpus { name, trees })
}

fn install(cache: &Path, text: &str, tree: &Path) -> Result<()> {
    let wheels = cache.join("wheels");
    fs::create_dir_all(&wheels)?;
    let requirements = tempfile::NamedTempFile::new()?;
    fs::write(&requirements, text)?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--require-hashes", "--no-deps", "--only-binary", ":all:"])
    .args([
        "--python-version",
        "3.13",
        "--platform",
        "manylinux_2_28_x86_64",
    ])
    .args([
        "--platform",
        "manylinux_2_17_x86_64",
        "--platform",
        "manylinux2014_x86_64",
    ])
    .arg("--dest")
    .arg(&wheels)
    .arg("--requirement")
    .arg(requirements.path());
    run(&mut pip)?;
    let mut unpack = Command::new("python3");
    unpack
        .args(["-c", UNPACK])
        .arg(requirements.path())
        .arg(&wheels)
        .arg(tree);
    run(&mut unpack)
}

/// Bytecode that names no time of a source, no seed and no path of this machine.
fn compile(root: &Path, tree: &Path) -> Result<()> {
    let mut bash = Command::new("bash");
    bash.args(["-c", COMPILE, "bash"]).arg(root).arg(tree);
    run(&mut bash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_corpus_differs_from_the_one_before_in_one_requirement() {
        for (name, versions) in CORPORA {
            for pair in versions.windows(2) {
                let (old, new) = (
                    requirements::parse(pair[0]).unwrap(),
                    requirements::parse(pair[1]).unwrap(),
                );
                assert!(old.len() >= 10, "{name}: {old:?}");
                let names = |list: &[requirements::Requirement<'_>]| {
                    list.iter()
                        .map(|one| one.name.to_owned())
                        .collect::<Vec<_>>()
                };
                assert_eq!(names(&old), names(&new));
                let bumps = old.iter().zip(&new).filter(|(old, new)| old != new);
                let versions: Vec<_> = bumps.map(|(old, new)| (old.version, new.version)).collect();
                assert_eq!(versions.len(), 1, "{name}");
                assert_ne!(versions[0].0, versions[0].1);
            }
        }
    }
}
