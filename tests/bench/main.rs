//! What we claim of speed, each as a ratio or a difference beside its alternative in the same run.
//!
//! `cargo bench -p slipway` (or `just bench`) prints a table and fails when a goal is missed. Absolute
//! times on a shared machine say little: runs alternate with their alternative and the best counts.

#![allow(unreachable_pub, reason = "the modules of a test program are its own")]

mod export;
mod launch;
mod rounds;
mod sandboxed;
mod slices;
mod user;

use harness::Table;

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        // The sandbox starts the program it is linked into.
        Some("sandbox-init") => sandbox::init(),
        Some("export-and-tell-memory") => return export::child(&args[2]),
        Some("slices") => return alone(slices::times),
        _ => {}
    }
    let mut table = Table::default();
    export::speed(&mut table);
    export::memory(&mut table);
    sandboxed::start(&mut table);
    launch::launcher(&mut table);
    user::detect(&mut table);
    user::rebuild(&mut table);
    table.print()
}

fn alone(measure: impl Fn(&mut Table)) -> std::process::ExitCode {
    let mut table = Table::default();
    measure(&mut table);
    table.print()
}
