//! Trees of Debian packages: trixie as its last point release left it, then with updates and security updates.
//!
//! The packages are those of our build base. No script of theirs runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci::Digest;

use crate::Result;
use crate::corpus::{Corpus, run, tree};

const MIRROR: &str = "http://deb.debian.org";

/// Lines of a digest and what it names on the mirror, for both states.
const PACKAGES: [&str; 2] = [
    include_str!("../packages/base-1.txt"),
    include_str!("../packages/base-2.txt"),
];

/// Makes the trees that are not below `cache` yet. Fails when the mirror has dropped a package.
pub(crate) fn corpus(cache: &Path) -> Result<Corpus> {
    let trees = PACKAGES.iter().map(|list| {
        let key = Digest::of(list.as_bytes());
        tree(cache, "base", key, &|tree| unpack(cache, list, tree))
    });
    let trees = trees.collect::<Result<_>>()?;
    Ok(Corpus {
        name: "base",
        trees,
    })
}

fn unpack(cache: &Path, list: &str, tree: &Path) -> Result<()> {
    for (digest, path) in packages(list)? {
        let package = fetched(cache, digest, path)?;
        run(Command::new("dpkg-deb")
            .arg("--extract")
            .arg(package)
            .arg(tree))?;
    }
    Ok(())
}

/// Digests and paths.
fn packages(list: &str) -> Result<Vec<(Digest, &str)>> {
    list.lines()
        .map(|line| {
            let (digest, path) = line
                .split_once("  ")
                .ok_or_else(|| format!("no digest: {line}"))?;
            Ok((Digest::from_hex(digest)?, path))
        })
        .collect()
}

/// The file of a package below `cache`, whose bytes are those of its digest.
fn fetched(cache: &Path, digest: Digest, path: &str) -> Result<PathBuf> {
    let file = cache.join("debs").join(digest.hex());
    if file.exists() {
        return Ok(file);
    }
    let part = file.with_extension("part");
    let mut curl = Command::new("curl");
    curl.args([
        "--fail",
        "--silent",
        "--show-error",
        "--location",
        "--retry",
        "3",
        "--create-dirs",
        "--output",
    ])
    .arg(&part)
    .arg(format!("{MIRROR}/{path}"));
    run(&mut curl)?;
    if Digest::of(&fs::read(&part)?) != digest {
        return Err(format!("{path} is not what was pinned").into());
    }
    fs::rename(&part, &file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_states_have_the_same_packages_and_some_in_another_version() {
        let [old, new] = PACKAGES.map(|list| packages(list).unwrap());
        let name = |path: &str| {
            let file = path.rsplit('/').next().unwrap();
            file.split('_').next().unwrap().to_owned()
        };
        assert!(old.len() > 100);
        assert_eq!(old.len(), new.len());
        assert!(
            old.iter()
                .zip(&new)
                .all(|(old, new)| name(old.1) == name(new.1))
        );
        let bumps = old.iter().zip(&new).filter(|(old, new)| old != new);
        assert!((5..=20).contains(&bumps.count()));
    }

    #[test]
    fn a_line_without_a_digest_is_refused() {
        assert!(packages("pool/main/b/bash.deb\n").is_err());
        assert!(packages("0123  pool/main/b/bash.deb\n").is_err());
    }
}
