//! All versions of a corpus in one store (D6): ours beside plain layers, casync, restic and borg.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::corpus::Corpus;
use crate::export::ours;
use crate::spent::{Spent, bytes_below, measured, ratio};
use harness::Table;

/// A program that keeps trees; its lines know the folder of its repository as `$1`, a tree as `$2`, the number of a version as `$3`.
struct Peer {
    /// The program, and what is not its default.
    name: &'static str,
    begin: &'static str,
    keep: &'static str,
}

/// With the settings they have by themselves, but neither keys nor a cache outside the scratch folder.
const PEERS: [Peer; 4] = [
    Peer {
        name: "casync (zstd, its default)",
        begin: r#"mkdir "$1""#,
        keep: r#"casync make --store="$1/store" "$1/$3.caidx" "$2" >&2"#,
    },
    Peer {
        name: "restic (zstd, its default)",
        begin: r#"RESTIC_PASSWORD=x restic init --quiet --no-cache --repo "$1""#,
        keep: r#"cd "$2" && RESTIC_PASSWORD=x restic backup --quiet --no-cache --repo "$1" ."#,
    },
    Peer {
        name: "borg (lz4, its default)",
        begin: r#"BORG_BASE_DIR="$1.home" borg init --encryption none "$1""#,
        keep: r#"cd "$2" && BORG_BASE_DIR="$1.home" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes borg create "$1::$3" ."#,
    },
    Peer {
        name: "borg (zstd, not its default)",
        begin: r#"BORG_BASE_DIR="$1.home" borg init --encryption none "$1""#,
        keep: r#"cd "$2" && BORG_BASE_DIR="$1.home" BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes borg create --compression zstd "$1::$3" ."#,
    },
];

/// What a store holds once all versions are in it, and what they cost.
struct Stored {
    bytes: u64,
    spent: Spent,
}

/// Keeps all versions in one store of each kind. `plain` is the sum of the versions as `tar | gzip -6`, in bytes.
pub(crate) fn report(corpus: &Corpus, plain: u64, scratch: &Path, table: &mut Table) -> Result<()> {
    let what = format!("D6 {} versions of {}", corpus.trees.len(), corpus.name);
    let mine = in_ours(&corpus.trees, &scratch.join("versions"))?;
    table.at_most(
        &format!("{what}: beside plain layers"),
        ratio(mine.bytes, plain),
        0.36,
        "×",
    );
    for (index, peer) in PEERS.iter().enumerate() {
        let what = format!("{what}: beside {}", peer.name);
        let program = peer.name.split(' ').next().unwrap_or_default();
        if harness::program(program).is_none() {
            table.left_out(&what, "it is not installed");
            continue;
        }
        let theirs = in_theirs(peer, &corpus.trees, &scratch.join(format!("peer-{index}")))?;
        table.at_most(&what, ratio(mine.bytes, theirs.bytes), 1.0, "×");
        table.told(
            &format!("{what}, CPU over ours"),
            theirs.spent.cpu / mine.spent.cpu,
            "×",
        );
    }
    Ok(())
}

fn in_ours(trees: &[PathBuf], store: &Path) -> Result<Stored> {
    let mut spent = Spent::NOTHING;
    for tree in trees {
        spent = spent + ours(tree, store, 0)?.spent;
    }
    Ok(Stored {
        bytes: bytes_below(store)?,
        spent,
    })
}

fn in_theirs(peer: &Peer, trees: &[PathBuf], repository: &Path) -> Result<Stored> {
    measured(peer.begin, &[repository])?;
    let mut spent = Spent::NOTHING;
    for (index, tree) in trees.iter().enumerate() {
        let version = index.to_string();
        let args = [repository.as_os_str(), tree.as_os_str(), version.as_ref()];
        spent = spent + measured(peer.keep, &args)?.1;
    }
    Ok(Stored {
        bytes: bytes_below(repository)?,
        spent,
    })
}
