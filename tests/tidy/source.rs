//! The repository's Rust files as text.

use std::path::{Path, PathBuf};

/// One Rust file: its path below the repository and its text.
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// Lines that are code, with their numbers: comments, and what follows `#[cfg(test)]` at the end
    /// of a file, are left out.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let product = self
            .text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default();
        product
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    pub fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/") || self.path.contains("/tests/") || name == "tests.rs"
    }
}

/// The folder of the repository.
pub fn top() -> PathBuf {
    harness::repository()
}

/// All Rust files of the repository below `folders`, in order of their paths.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&top().join(folder), &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no Rust file below {folders:?}");
    found
}

fn collect(folder: &Path, into: &mut Vec<Source>) {
    for entry in
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path
                .strip_prefix(top())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            into.push(Source {
                path: below,
                text: std::fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

/// Fails with all places where the code of `sources` contains one of `patterns`.
pub fn forbid(
    what: &str,
    sources: &[Source],
    patterns: &[&str],
    allowed: impl Fn(&Source) -> bool,
) {
    let mut places = Vec::new();
    for source in sources.iter().filter(|source| !allowed(source)) {
        for (number, line) in source.code() {
            if patterns.iter().any(|pattern| line.contains(pattern)) {
                places.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(places.is_empty(), "{what}:\n{}", places.join("\n"));
}
