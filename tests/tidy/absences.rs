//! Invariants that are absences: ARCHITECTURE.md 5 and docs/design/decisions.md 11, 31.

use crate::source::{Source, forbid, sources, top};

const PRODUCT: [&str; 3] = ["lifecycle", "builders", "buildpacks"];

#[test]
fn unsafe_code_stands_in_the_sandbox_system_calls_and_the_one_map_only() {
    forbid(
        "unsafe outside lifecycle/sandbox/src/sys.rs and lifecycle/chunks/src/map.rs",
        &sources(&PRODUCT),
        &["unsafe ", "allow(unsafe_code"],
        |source| {
            source.path == "lifecycle/sandbox/src/sys.rs"
                || source.path == "lifecycle/sandbox/src/lib.rs" && declares(source, "mod sys;")
                || source.path == "lifecycle/chunks/src/map.rs"
        },
    );
}

/// `lib.rs` lifts the lint for the one module, nothing else.
fn declares(source: &Source, module: &str) -> bool {
    let lines: Vec<_> = source
        .code()
        .filter(|(_, line)| line.contains("unsafe"))
        .collect();
    lines.len() == 1 && source.text.contains(module)
}

#[test]
fn api_versions_are_compared_in_one_file() {
    forbid(
        "API versions are compared outside cnb/src/api.rs; name the behaviour there",
        &sources(&PRODUCT),
        &[
            ">= PlatformApi",
            "< PlatformApi",
            ">= BuildpackApi",
            "< BuildpackApi",
            "PlatformApi::new(",
            "BuildpackApi::new(",
            ".minor()",
            "api.minor",
        ],
        |source| source.path == "lifecycle/cnb/src/api.rs" || source.is_test(),
    );
}

#[test]
fn the_environment_is_read_where_programs_begin() {
    forbid(
        "the environment is read; hand it down as a value",
        &sources(&PRODUCT),
        &[
            "env::var(",
            "env::var_os(",
            "env::vars(",
            "env::vars_os(",
            "env::args(",
            "env::args_os(",
            "env::current_dir(",
            "env::temp_dir(",
        ],
        |source| {
            begins(source) || source.is_test() || source.path == "lifecycle/sandbox/src/init.rs"
        },
    );
}

#[test]
fn the_wall_clock_is_asked_where_programs_begin() {
    forbid(
        "the wall clock is asked; hand `now` down as a value",
        &sources(&PRODUCT),
        &["SystemTime::now(", "Timestamp::now(", "Zoned::now("],
        |source| begins(source) || source.is_test(),
    );
}

#[test]
fn programs_exit_where_they_begin() {
    forbid(
        "an exit in a library; return a value",
        &sources(&PRODUCT),
        &["process::exit(", "process::abort("],
        |source| {
            begins(source) || source.is_test() || source.path == "lifecycle/sandbox/src/init.rs"
        },
    );
}

#[test]
fn printing_is_left_to_the_programs() {
    forbid(
        "a library prints; send an event",
        &sources(&PRODUCT),
        &["println!(", "print!("],
        |source| {
            begins(source) || source.is_test() || source.path.starts_with("buildpacks/toolkit/")
        },
    );
}

/// cli, agent, launcher, the toolkit's entry function, and the examples of a library.
fn begins(source: &Source) -> bool {
    ["lifecycle/cli/", "lifecycle/agent/", "lifecycle/launcher/"]
        .iter()
        .any(|folder| source.path.starts_with(folder))
        || source.path == "buildpacks/toolkit/src/entry.rs"
        || source.path.contains("/examples/")
}

#[test]
fn tar_headers_are_made_in_one_file() {
    forbid(
        "a tar header is made outside oci/src/tarball/header.rs",
        &sources(&PRODUCT),
        &["ustar", "Header::new_"],
        |source| {
            source.path.starts_with("lifecycle/oci/src/tarball/header")
                || source.path.starts_with("lifecycle/oci/src/tarball/read")
                || source.is_test()
        },
    );
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    forbid(
        "say why it cannot run with harness::skip, or finish it",
        &sources(&["lifecycle", "builders", "buildpacks", "tests"]),
        &["#[ignore", "todo!(", "unimplemented!(", "FIXME"],
        |source| source.path.starts_with("tests/tidy/"),
    );
}

#[test]
fn json_is_written_in_order_of_its_keys() {
    let mut manifests = vec![top().join("Cargo.toml")];
    for folder in PRODUCT {
        for entry in std::fs::read_dir(top().join(folder)).unwrap() {
            manifests.push(entry.unwrap().path().join("Cargo.toml"));
        }
    }
    for manifest in manifests.iter().filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(manifest).unwrap();
        assert!(
            !text.contains("preserve_order"),
            "{}: serde_json keeps its keys sorted",
            manifest.display()
        );
    }
    let lock = std::fs::read_to_string(top().join("Cargo.lock")).unwrap();
    for banned in ["tokio", "openssl-sys", "aws-lc-sys", "serde_yaml"] {
        assert!(
            !lock.contains(&format!("name = \"{banned}\"\n")),
            "{banned} came in with a dependency"
        );
    }
}
