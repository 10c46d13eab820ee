//! What a sandbox promises to those who use it, as root and as an ordinary user.
#![allow(clippy::unwrap_used, reason = "tests, with a main of their own")]

mod inside;
mod nesting;
mod root;
mod running;
mod views;
#[allow(dead_code, reason = "shared by tests that use parts of it")]
#[path = "../world/mod.rs"]
mod world;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::panic::catch_unwind;
use std::process::{Command, ExitCode};

use rustix::process::geteuid;

use crate::world::World;

/// An id without an account.
const ORDINARY: u32 = 54_321;

/// A sentence, and the function that shows that it holds.
pub(crate) type Promise = (&'static str, fn(&World));

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [sandbox::INIT, ..] => sandbox::init(),
        ["payload", what, rest @ ..] => inside::main(what, rest),
        ["host", folder] => running::host(folder),
        ["promises", who] => promises(who),
        // The test runner's own options say nothing to us.
        _ => rounds(),
    }
}

fn rounds() -> ExitCode {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = dir.path().join("behaviour");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let round = |who: &str| {
        let mut command = Command::new(&program);
        command.args(["promises", who]).current_dir("/");
        command
    };
    let mut well = true;
    if geteuid().is_root() {
        well &= round("root").status().unwrap().success();
        well &= round("an ordinary user")
            .uid(ORDINARY)
            .gid(ORDINARY)
            .status()
            .unwrap()
            .success();
    } else {
        well &= round("an ordinary user").status().unwrap().success();
        println!("SKIP: not started by root, so no round as root");
        well &= std::env::var_os("SLIPWAY_TESTS").is_none_or(|value| value != "strict");
    }
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn promises(who: &str) -> ExitCode {
    println!("\nas {who}");
    let all = [
        root::PROMISES,
        running::PROMISES,
        nesting::PROMISES,
        views::PROMISES,
    ];
    let mut broken = 0;
    for (name, holds) in all.concat() {
        let kept = catch_unwind(|| holds(&World::new())).is_ok();
        println!("{name} ... {}", if kept { "ok" } else { "BROKEN" });
        broken += i32::from(!kept);
    }
    println!("{broken} broken");
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
