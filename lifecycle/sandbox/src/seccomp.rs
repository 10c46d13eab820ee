//! The system calls a payload may make: an allow-list, so that what a newer kernel adds stays out.
//!
//! EPERM for what is known to be dangerous, ENOSYS for everything unknown, which makes programs fall back as on
//! an older kernel. A call of another architecture kills the program, so 32-bit programs do not run.

mod program;
mod table;

use std::ffi::c_long;

use crate::obstacle::Need;
use crate::{Result, sys};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    /// It gives EPERM.
    Refuse,
    /// It gives ENOSYS.
    Unknown,
    /// It depends on an argument.
    Ask(Test),
}

/// A question about the low 32 bits of an argument: all the kernel looks at in these calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// Refused if one of these bits is set.
    NoBit(u32, u32),
    /// Refused if it is none of these.
    OneOf(u32, &'static [u32]),
    /// Refused if it is one of these.
    NoneOf(u32, &'static [u32]),
}

/// The number of the argument, and its values.
const TESTS: [(c_long, Test); 4] = [
    // Namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
    (libc::SYS_clone, Test::NoBit(0, 0x7e02_0000)),
    // TIOCSTI and TIOCLINUX type into a terminal.
    (libc::SYS_ioctl, Test::NoneOf(1, &[0x5412, 0x541c])),
    // unix, inet, inet6, netlink; not vsock, packet, or the kernel's crypto.
    (libc::SYS_socket, Test::OneOf(0, &[1, 2, 10, 16])),
    // Linux and UNAME26, both also without address randomisation, and the question which one is set.
    (
        libc::SYS_personality,
        Test::OneOf(0, &[0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff]),
    ),
];

/// Restricts this process and what it starts, for good. Needs no_new_privs.
pub(crate) fn restrict() -> Result<()> {
    sys::seccomp_filter(&program::compile(&verdicts()))
        .map_err(|cause| Need::Seccomp.refused("restricting the program's system calls", cause))
}

/// By number, ascending.
fn verdicts() -> Vec<(u32, Verdict)> {
    let allowed = [table::ALLOWED, table::ALLOWED_HERE, table::ALLOWED_NEW].concat();
    let refused = [table::REFUSED, table::REFUSED_HERE].concat();
    let all = allowed.into_iter().map(|call| (call, Verdict::Allow));
    let all = all.chain(refused.into_iter().map(|call| (call, Verdict::Refuse)));
    let mut all: Vec<(u32, Verdict)> = all
        .map(|(call, verdict)| {
            let test = TESTS.iter().find(|(tested, _)| *tested == call);
            let number = u32::try_from(call).expect("system calls have small numbers");
            (
                number,
                test.map_or(verdict, |(_, test)| Verdict::Ask(*test)),
            )
        })
        .collect();
    all.sort_by_key(|(number, _)| *number);
    all
}
