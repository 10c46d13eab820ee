//! Attacks on the sandbox, each with its unprotected control that must succeed (else it proves nothing).
//!
//! Numbers are those of `docs/design/sandbox.md` 9. The suite runs as whoever starts it; started by root also as an
//! ordinary user, and as a root that may not copy mounts, as in podman's containers.
#![allow(clippy::unwrap_used, reason = "tests, with a main of their own")]

mod daemons;
mod export;
mod payload;
mod suite;
#[allow(dead_code, reason = "shared by tests that use parts of it")]
#[path = "../world/mod.rs"]
mod world;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

/// An id without an account.
const ORDINARY: u32 = 54_321;
/// In the environment of the suite, and nowhere inside a sandbox.
const SECRET: &str = "canary-of-the-environment";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [sandbox::INIT, ..] => sandbox::init(),
        ["payload", attack, facts @ ..] => payload::main(attack, facts),
        ["host", folder] => daemons::host(folder),
        ["daemon", nonce] => daemons::daemon(nonce),
        ["suite", who] => suite::main(who, !started_by_root()),
        // The test runner's own options say nothing to us.
        _ => rounds(),
    }
}

/// Runs the suite once per kind of caller.
fn rounds() -> ExitCode {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = dir.path().join("attacks");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let round = |who: &str| {
        let mut command = Command::new(&program);
        command
            .args(["suite", who])
            .env("SECRET_TOKEN", SECRET)
            .current_dir("/");
        command.env(
            "STARTED_BY_ROOT",
            if geteuid().is_root() { "1" } else { "" },
        );
        command
    };
    let mut well = true;
    if geteuid().is_root() {
        well &= round("root").status().unwrap().success();
        well &= round("ordinary user")
            .uid(ORDINARY)
            .gid(ORDINARY)
            .status()
            .unwrap()
            .success();
        well &= without_sys_admin(round("root without CAP_SYS_ADMIN"));
    } else {
        well &= round("ordinary user").status().unwrap().success();
        println!("SKIP: not started by root, so no rounds as root");
        well &= std::env::var_os("SLIPWAY_TESTS").is_none_or(|value| value != "strict");
    }
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn started_by_root() -> bool {
    std::env::var_os("STARTED_BY_ROOT").is_some_and(|value| value == "1")
}

/// A capability that is not in the bounding set is gone after exec, even for root.
fn without_sys_admin(mut round: Command) -> bool {
    let started = std::thread::spawn(move || {
        remove_capability_from_bounding_set(CapabilitySet::SYS_ADMIN).unwrap();
        round.status().unwrap().success()
    });
    started.join().unwrap()
}
