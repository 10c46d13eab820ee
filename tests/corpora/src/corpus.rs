//! The trees that are measured, made of what is pinned by digest, so that they are the same everywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci::Digest;

use crate::Result;

/// The same set of packages in several versions, oldest first.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) trees: Vec<PathBuf>,
}

/// A tree below `cache`, complete as soon as it has its name.
pub(crate) fn tree(
    cache: &Path,
    name: &str,
    key: Digest,
    make: &dyn Fn(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let tree = cache
        .join("trees")
        .join(format!("{name}-{:.12}", key.hex()));
    if tree.exists() {
        return Ok(tree);
    }
    eprintln!("making {}", tree.display());
    let part = tree.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir_all(&part)?;
    make(&part)?;
    one_time(&part)?;
    fs::rename(&part, &tree)?;
    Ok(tree)
}

/// Peers keep modification times: without this every tree would be new to them.
fn one_time(tree: &Path) -> Result<()> {
    run(Command::new("find").arg(tree).args([
        "-exec",
        "touch",
        "--no-dereference",
        "--date=@315532801",
        "{}",
        "+",
    ]))
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {told}", output.status).into())
}
