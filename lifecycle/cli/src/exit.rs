//! Every exit code of the program, in one table.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | wrong use of the command line |
//! | 3 | an argument's value, or a file that describes something, makes no sense |
//! | 11–102 | exit codes of the lifecycle's phases (20: no buildpack fits, 51: a buildpack failed) |
//! | 69 | this machine allows no sandbox |
//! | 75 | no network or a busy server: try again later |
//! | 77 | a server refused our credentials |
//! | 128 + n | ended by signal n; 130 is Ctrl-C |
//!
//! `run` gives the exit code of the process it ran.

use platform::ErrorKind;

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
const VALUE: u8 = 3;
const NOT_DETECTED: u8 = 20;
const NO_SANDBOX: u8 = 69;
const TRANSIENT: u8 = 75;
const REFUSED: u8 = 77;
const SIGNAL: i32 = 128;

/// What the user sees of a kind of failure: its code, its exit code, and whether a later try may succeed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Class {
    /// `SLP-XXX-nnn`; never changes its meaning.
    pub(crate) code: &'static str,
    pub(crate) exit: u8,
    /// `transient`, `integrity`, `user` or `internal`.
    pub(crate) name: &'static str,
}

pub(crate) fn class(kind: ErrorKind) -> Class {
    let of = |code, exit, name| Class { code, exit, name };
    match kind {
        ErrorKind::Source => of("SLP-SRC-001", VALUE, "user"),
        ErrorKind::Usage => of("SLP-CFG-001", VALUE, "user"),
        ErrorKind::Buildpack => of("SLP-CFG-002", VALUE, "user"),
        ErrorKind::NoImage => of("SLP-REF-001", FAILED, "user"),
        ErrorKind::NoProcess => of("SLP-REF-002", VALUE, "user"),
        ErrorKind::NotDetected => of("SLP-DET-001", NOT_DETECTED, "user"),
        ErrorKind::Phase { code } => {
            of(of_phase(code), u8::try_from(code).unwrap_or(FAILED), "user")
        }
        ErrorKind::Sandbox => of("SLP-SBX-001", NO_SANDBOX, "user"),
        ErrorKind::Offline => of("SLP-NET-001", TRANSIENT, "transient"),
        ErrorKind::Refused => of("SLP-AUT-001", REFUSED, "user"),
        ErrorKind::Transient => of("SLP-NET-002", TRANSIENT, "transient"),
        ErrorKind::Integrity => of("SLP-CCH-001", FAILED, "integrity"),
        ErrorKind::NoSpace => of("SLP-CCH-002", FAILED, "user"),
        ErrorKind::Busy => of("SLP-CCH-003", TRANSIENT, "transient"),
        ErrorKind::Denied => of("SLP-CCH-004", FAILED, "user"),
        ErrorKind::Interrupted => of("SLP-INT-001", FAILED, "user"),
        _ => of("SLP-INT-002", FAILED, "internal"),
    }
}

/// The family of a lifecycle exit code.
fn of_phase(code: i32) -> &'static str {
    match code {
        20..=29 => "SLP-DET-002",
        50..=59 => "SLP-BLD-001",
        60..=69 => "SLP-EXP-001",
        40..=49 => "SLP-RST-001",
        _ => "SLP-INT-003",
    }
}

/// The exit code of a program that ended by a signal.
pub(crate) fn of_signal(signal: i32) -> u8 {
    u8::try_from(SIGNAL + signal).unwrap_or(FAILED)
}
