//! One layer at a time: sizes (D1), the same bytes again (D5), CPU time (D7), and what more cores give.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::corpus::Corpus;
use crate::export::{Export, Plain, ours, plain};
use crate::spent::{Spent, bytes_below, ratio};
use harness::Table;

const ROUNDS: usize = 3;
/// D7, for each corpus and all together.
const COLD: f64 = 2.5;
const WARM: f64 = 15.0;
const ALL: usize = 0;
/// The corpus whose speed on two idle cores is a goal.
const SCIENTIFIC: &str = "sci";

/// Lines of a tree and the digest of its blob on the machine where the corpora were first made.
const RECORDED: &str = include_str!("../digests.txt");

/// What was measured of one version of a corpus.
pub(crate) struct Measured {
    corpus: &'static str,
    /// From 1.
    version: usize,
    blob: u64,
    plain: Plain,
    /// With nothing known.
    cold: Spent,
    /// The same on one core.
    alone: Spent,
    /// With every chunk known.
    warm: Spent,
    /// Every digest of every run was the same.
    is_same: bool,
    /// And it is the one that was recorded; `None` when the tree is not the one that was recorded.
    is_recorded: Option<bool>,
    /// What packing again added to the store, in bytes.
    again: u64,
}

/// Packs every version cold, warm and on one core, in turn with `tar | gzip -6`.
pub(crate) fn measure(corpus: &Corpus, scratch: &Path) -> Result<Vec<Measured>> {
    let trees = corpus.trees.iter().zip(1..);
    trees
        .map(|(tree, version)| one(corpus.name, version, tree, scratch))
        .collect()
}

fn one(corpus: &'static str, version: usize, tree: &Path, scratch: &Path) -> Result<Measured> {
    eprintln!("packing {corpus} {version}");
    let store = scratch.join("store");
    let mut exports: Vec<Export> = Vec::new();
    let mut archives: Vec<Plain> = Vec::new();
    let [mut cold, mut alone, mut warm] = [Spent::MOST; 3];
    let mut again = 0;
    for _ in 0..ROUNDS {
        let on_one_core = fresh(tree, &store, 1)?;
        let first = fresh(tree, &store, ALL)?;
        let before = bytes_below(&store)?;
        let second = ours(tree, &store, ALL)?;
        again += bytes_below(&store)?.abs_diff(before);
        archives.push(plain(tree, &scratch.join("tree.tar.gz"))?);
        alone = alone.least(on_one_core.spent);
        cold = cold.least(first.spent);
        warm = warm.least(second.spent);
        exports.extend([on_one_core, first, second]);
    }
    let theirs = archives
        .iter()
        .fold(Spent::MOST, |least, archive| least.least(archive.spent));
    Ok(Measured {
        corpus,
        version,
        blob: exports[0].size,
        plain: Plain {
            spent: theirs,
            ..archives[0]
        },
        cold,
        alone,
        warm,
        is_same: exports
            .iter()
            .all(|export| export.digest == exports[0].digest),
        again,
        is_recorded: recorded(tree).map(|digest| digest == exports[0].digest.hex()),
    })
}

fn recorded(tree: &Path) -> Option<&'static str> {
    let name = tree.file_name()?.to_str()?;
    let mut lines = RECORDED.lines().filter_map(|line| line.split_once(' '));
    lines.find(|line| line.0 == name).map(|line| line.1)
}

fn fresh(tree: &Path, store: &Path, cores: usize) -> Result<Export> {
    if store.exists() {
        fs::remove_dir_all(store)?;
    }
    ours(tree, store, cores)
}

/// The versions of one corpus as `tar | gzip -6`, in bytes.
pub(crate) fn plain_bytes(all: &[Measured]) -> u64 {
    all.iter().map(|one| one.plain.gzip).sum()
}

/// Adds what was measured of all layers. `is_whole` says that these are all corpora: the goal of the sum of blobs is for those only.
pub(crate) fn report(all: &[Measured], is_whole: bool, table: &mut Table) {
    sizes(all, is_whole, table);
    sameness(all, table);
    speed(all, table);
}

fn sizes(all: &[Measured], is_whole: bool, table: &mut Table) {
    for one in all {
        let what = format!("D1 {} {}: blob beside gzip -6", one.corpus, one.version);
        table.at_most(&what, ratio(one.blob, one.plain.gzip), 1.09, "×");
    }
    let blobs = all.iter().map(|one| one.blob).sum();
    let beside = ratio(blobs, plain_bytes(all));
    let what = "D1 sum of blobs beside gzip -6";
    if is_whole {
        table.at_most(what, beside, 1.005, "×");
    } else {
        table.told(&format!("{what}, not of all corpora"), beside, "×");
    }
}

fn sameness(all: &[Measured], table: &mut Table) {
    for versions in all.chunk_by(|one, next| one.corpus == next.corpus) {
        table.holds(
            &format!(
                "D5 {}: one digest in a fresh store, the same, on 1 core, on all",
                versions[0].corpus
            ),
            versions.iter().all(|one| one.is_same),
        );
    }
    let as_recorded = "D5 the digests are those that were recorded";
    match all
        .iter()
        .map(|one| one.is_recorded)
        .collect::<Option<Vec<_>>>()
    {
        Some(recorded) => table.holds(as_recorded, recorded.into_iter().all(|is_same| is_same)),
        None => table.left_out(as_recorded, "for some of these trees none is recorded"),
    }
    table.holds(
        "D5 packing the same again adds no byte to the store",
        all.iter().all(|one| one.again == 0),
    );
}

fn speed(all: &[Measured], table: &mut Table) {
    for versions in all.chunk_by(|one, next| one.corpus == next.corpus) {
        let (cold, warm) = faster(versions);
        let name = versions[0].corpus;
        let what = |how: &str| format!("D7 {name}, {how}: CPU of tar | gzip -6 over ours");
        table.at_least(&what("cold"), cold, COLD, "×");
        table.at_least(&what("warm"), warm, WARM, "×");
    }
    let (cold, warm) = faster(all);
    table.at_least(
        "D7 all, cold: CPU of tar | gzip -6 over ours",
        cold,
        COLD,
        "×",
    );
    table.at_least(
        "D7 all, warm: CPU of tar | gzip -6 over ours",
        warm,
        WARM,
        "×",
    );
}

/// How many times our CPU time `tar | gzip -6` takes, cold and warm.
fn faster(all: &[Measured]) -> (f64, f64) {
    let theirs = seconds(all, |one| one.plain.spent.cpu);
    let cold = seconds(all, |one| one.cold.cpu);
    let warm = seconds(all, |one| one.warm.cpu);
    (theirs / cold, theirs / warm)
}

/// Adds how fast layers are made cold on all cores of this machine, and what the second and further ones give.
pub(crate) fn cores(name: &str, all: &[Measured], table: &mut Table) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    #[allow(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
    let raw = all.iter().map(|one| one.plain.tar).sum::<u64>() as f64 / 1e6;
    let wall = seconds(all, |one| one.cold.wall);
    let alone = seconds(all, |one| one.alone.wall);
    table.told(
        &format!("{name}, cold: wall on 1 core over wall on {cores}"),
        alone / wall,
        "×",
    );
    let busy = seconds(all, |one| one.cold.cpu) / wall;
    table.told(
        &format!("{name}, cold: cores that were to be had"),
        busy,
        "",
    );
    table.told(
        &format!("{name}, cold: per second of CPU"),
        raw / seconds(all, |one| one.cold.cpu),
        " MB",
    );
    table.told(
        &format!("{name}, warm: per second of CPU"),
        raw / seconds(all, |one| one.warm.cpu),
        " MB",
    );
    let what = format!("{name}, cold: per second of wall, {cores} cores");
    if name == SCIENTIFIC {
        table.at_least(&what, raw / wall, 150.0, " MB");
    } else {
        table.told(&what, raw / wall, " MB");
    }
    table.told(
        &format!("{name}, cold: per second of wall, 1 core"),
        raw / alone,
        " MB",
    );
}

fn seconds(all: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    all.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci::Digest;

    #[test]
    fn a_digest_is_recorded_for_every_version_of_every_corpus() {
        let lines: Vec<_> = RECORDED
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .collect();
        assert_eq!(lines.len(), 10);
        for (tree, digest) in lines {
            assert!(Digest::from_hex(digest).is_ok(), "{tree}");
            assert_eq!(recorded(&Path::new("trees").join(tree)), Some(digest));
        }
        assert_eq!(recorded(Path::new("trees/flask-of-tomorrow")), None);
    }
}
