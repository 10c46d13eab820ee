//! The crate graph of ARCHITECTURE.md 2: an edge goes to a lower level.

use std::collections::BTreeMap;

use crate::source::top;

/// Crate, its folder, its level, what it may use. The drawing and the table in ARCHITECTURE.md say the same.
const CRATES: [(&str, &str, u8, &[&str]); 22] = [
    ("files", "lifecycle/files", 0, &[]),
    ("http", "lifecycle/http", 1, &[]),
    ("cnb", "lifecycle/cnb", 1, &[]),
    ("chunks", "lifecycle/chunks", 1, &["files"]),
    ("oci", "lifecycle/oci", 2, &["files", "chunks"]),
    ("sandbox", "lifecycle/sandbox", 1, &["files"]),
    ("launcher", "lifecycle/launcher", 2, &["cnb"]),
    ("debian", "builders/debian", 3, &["oci", "files", "http"]),
    ("toolkit", "buildpacks/toolkit", 2, &["cnb", "http"]),
    ("phases", "lifecycle/phases", 3, &["cnb", "oci", "files"]),
    ("python", "buildpacks/python", 3, &["toolkit"]),
    ("pip", "buildpacks/pip", 3, &["toolkit"]),
    ("procfile", "buildpacks/procfile", 3, &["toolkit"]),
    (
        "platform",
        "lifecycle/platform",
        4,
        &["files", "http", "cnb", "oci", "sandbox", "phases", "debian"],
    ),
    (
        "agent",
        "lifecycle/agent",
        5,
        &[
            "phases", "sandbox", "cnb", "toolkit", "python", "pip", "procfile",
        ],
    ),
    (
        "cli",
        "lifecycle/cli",
        6,
        &["platform", "phases", "oci", "sandbox"],
    ),
    ("harness", "tests/harness", 7, &[]),
    ("crashrec", "tests/crashrec", 7, &["oci"]),
    ("killsweep", "tests/killsweep", 8, &["crashrec", "oci"]),
    (
        "fuzz",
        "tests/fuzz",
        8,
        &["crashrec", "oci", "chunks", "files"],
    ),
    ("corpora", "tests/corpora", 8, &["oci", "harness"]),
    ("beside", "tests/beside", 8, &["oci", "harness"]),
];

#[test]
fn every_edge_of_the_crate_graph_is_allowed_and_goes_down() {
    let levels: BTreeMap<&str, u8> = CRATES
        .iter()
        .map(|(name, _, level, _)| (*name, *level))
        .collect();
    for (name, folder, level, allowed) in CRATES {
        for used in internal_dependencies(folder, &levels) {
            assert!(
                allowed.contains(&used.as_str()),
                "{name} uses {used}, which ARCHITECTURE.md 2 does not allow"
            );
            let lower = levels[used.as_str()];
            assert!(
                lower < level,
                "{name} (level {level}) uses {used} (level {lower})"
            );
        }
    }
}

#[test]
fn every_member_of_the_workspace_stands_in_the_graph() {
    let manifest: toml::Table = std::fs::read_to_string(top().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let members: Vec<_> = manifest["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap())
        .collect();
    let mut known: Vec<_> = CRATES.iter().map(|(_, folder, _, _)| *folder).collect();
    let mut listed = members.clone();
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(known, listed);
    let architecture = std::fs::read_to_string(top().join("ARCHITECTURE.md")).unwrap();
    for (name, _, _, _) in CRATES {
        assert!(
            architecture.contains(name),
            "ARCHITECTURE.md does not mention {name}"
        );
    }
}

#[test]
fn the_top_level_holds_the_agreed_folders() {
    let agreed = [
        "lifecycle",
        "buildpacks",
        "builders",
        "tests",
        "samples",
        "docs",
        "target",
    ];
    for entry in std::fs::read_dir(top()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let folder = entry.file_type().unwrap().is_dir();
        assert!(
            !folder || name.starts_with('.') || agreed.contains(&name.as_str()),
            "folder {name} at the top level"
        );
    }
}

/// Names of our own crates in `[dependencies]` and `[build-dependencies]` of the crate in `folder`.
fn internal_dependencies(folder: &str, levels: &BTreeMap<&str, u8>) -> Vec<String> {
    let manifest: toml::Table = std::fs::read_to_string(top().join(folder).join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .filter(|name| levels.contains_key(name.as_str()))
        .collect()
}
