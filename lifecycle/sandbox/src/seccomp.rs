//! The system calls a payload may make: an allow-list, so that what a newer kernel adds stays out.
//!
//! Two filters, since one has a single answer for what it refuses: EPERM for what is known to be dangerous,
//! ENOSYS for everything unknown, which makes programs fall back as on an older kernel. Calls of another
//! architecture kill the program, so 32-bit programs do not run.

mod table;

use std::collections::BTreeMap;
use std::ffi::c_long;

use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::obstacle::Need;
use crate::{Error, ErrorKind, Result};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type BackendResult<T> = std::result::Result<T, seccompiler::BackendError>;

/// Restricts this process and what it starts, for good. Sets no_new_privs.
pub(crate) fn restrict() -> Result<()> {
    let doing = "restricting the program's system calls";
    let filters = filters().map_err(|cause| Error::new(ErrorKind::Other, doing).caused(cause))?;
    for filter in filters {
        seccompiler::apply_filter(&filter).map_err(|cause| match cause {
            seccompiler::Error::Prctl(cause) | seccompiler::Error::Seccomp(cause) => {
                Need::Seccomp.refused(doing, cause)
            }
            other => Error::new(ErrorKind::Other, doing).caused(other),
        })?;
    }
    Ok(())
}

/// In the order of loading: the last one is asked first, and its errno wins.
fn filters() -> BackendResult<[BpfProgram; 2]> {
    let known = [table::ALLOWED, table::ALLOWED_HERE, table::ALLOWED_NEW].concat();
    let known: Rules = known.into_iter().map(|call| (call, Vec::new())).collect();
    let unknown = errno(Errno::NOSYS);
    Ok([
        compile(known, unknown, SeccompAction::Allow)?,
        compile(dangerous()?, SeccompAction::Allow, errno(Errno::PERM))?,
    ])
}

/// Calls that are refused, some only with certain arguments.
fn dangerous() -> BackendResult<Rules> {
    let calls = [table::REFUSED, table::REFUSED_HERE].concat();
    let mut rules: Rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    rules.extend(dangerous_arguments()?);
    Ok(rules)
}

/// Flags of clone that make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
const NEW_NAMESPACES: [u64; 7] = [
    1 << 17,
    1 << 25,
    1 << 26,
    1 << 27,
    1 << 28,
    1 << 29,
    1 << 30,
];
/// Families of ordinary programs: unix, inet, inet6, netlink. Not vsock, packet, or the kernel's crypto.
const FAMILIES: [u64; 4] = [1, 2, 10, 16];
/// Linux and UNAME26, both also without address randomisation, and the question which one is set.
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// TIOCSTI and TIOCLINUX, which type into a terminal.
const TYPING: [u64; 2] = [0x5412, 0x541c];

fn dangerous_arguments() -> BackendResult<[(c_long, Vec<SeccompRule>); 4]> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let any_namespace = NEW_NAMESPACES.map(|bit| vec![(MaskedEq(bit), bit)]);
    let any_typing = TYPING.map(|request| vec![(Eq, request)]);
    Ok([
        (libc::SYS_clone, rules(0, &any_namespace)?),
        (libc::SYS_ioctl, rules(1, &any_typing)?),
        (
            libc::SYS_socket,
            rules(0, &[FAMILIES.map(|family| (Ne, family)).to_vec()])?,
        ),
        (
            libc::SYS_personality,
            rules(0, &[PERSONALITIES.map(|kind| (Ne, kind)).to_vec()])?,
        ),
    ])
}

/// Matches when all tests of any one list hold for the low 32 bits of an argument.
fn rules(argument: u8, any: &[Vec<(SeccompCmpOp, u64)>]) -> BackendResult<Vec<SeccompRule>> {
    let rule = |all: &Vec<(SeccompCmpOp, u64)>| {
        let tests = all.iter().map(|(operator, value)| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
        });
        SeccompRule::new(tests.collect::<BackendResult<_>>()?)
    };
    any.iter().map(rule).collect()
}

fn errno(errno: Errno) -> SeccompAction {
    SeccompAction::Errno(errno.raw_os_error().unsigned_abs())
}

fn compile(rules: Rules, other: SeccompAction, listed: SeccompAction) -> BackendResult<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, other, listed, arch)?.try_into()
}
