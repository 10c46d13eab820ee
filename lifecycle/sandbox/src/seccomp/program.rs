//! The filter as a classic BPF program: a binary search over ranges of call numbers.
//!
//! A chain of comparisons, one per call, is five times as long, and the kernel walks it once per call number
//! when it is loaded: 1 to 2 ms of every start, where this takes 0.1.

use libc::sock_filter;
use rustix::io::Errno;

use super::{Test, Verdict};

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const IF_ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;

// Offsets in struct seccomp_data.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const OURS: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OURS: u32 = 0xc000_00b7;

/// The program for verdicts by call number, ascending; a number that is not listed is unknown.
pub(super) fn compile(verdicts: &[(u32, Verdict)]) -> Vec<sock_filter> {
    let mut program = vec![
        step(LOAD, ARCHITECTURE),
        branch(IF_EQUAL, OURS, 1, 0),
        step(RETURN, KILL_PROCESS),
        step(LOAD, NUMBER),
    ];
    program.extend(search(&ranges(verdicts)));
    program
}

/// The first number of each run of equal verdicts, from 0 on; the last run has no end. Numbers of x32 calls,
/// which share our architecture, are in the last one.
fn ranges(verdicts: &[(u32, Verdict)]) -> Vec<(u32, Verdict)> {
    let mut ranges = vec![(0, Verdict::Unknown)];
    let mut next = 0;
    let mut begin = |number, verdict| {
        if ranges.last().is_some_and(|(_, last)| *last != verdict) {
            ranges.push((number, verdict));
        }
    };
    for (number, verdict) in verdicts {
        if *number > next {
            begin(next, Verdict::Unknown);
        }
        begin(*number, *verdict);
        next = number + 1;
    }
    begin(next, Verdict::Unknown);
    ranges
}

fn search(ranges: &[(u32, Verdict)]) -> Vec<sock_filter> {
    if let [(_, verdict)] = ranges {
        return answer(*verdict);
    }
    let (below, from) = ranges.split_at(ranges.len() / 2);
    let first = from.first().map_or(0, |(first, _)| *first);
    let below = search(below);
    let mut steps = vec![branch(IF_AT_LEAST, first, below.len(), 0)];
    steps.extend(below);
    steps.extend(search(from));
    steps
}

fn answer(verdict: Verdict) -> Vec<sock_filter> {
    match verdict {
        Verdict::Allow => vec![step(RETURN, ALLOW)],
        Verdict::Refuse => vec![step(RETURN, errno(Errno::PERM))],
        Verdict::Unknown => vec![step(RETURN, errno(Errno::NOSYS))],
        Verdict::Ask(test) => ask(test),
    }
}

fn ask(test: Test) -> Vec<sock_filter> {
    let (argument, operation, values, met, otherwise) = match test {
        Test::NoBit(argument, bits) => (
            argument,
            IF_ANY_BIT,
            vec![bits],
            Verdict::Refuse,
            Verdict::Allow,
        ),
        Test::OneOf(argument, values) => (
            argument,
            IF_EQUAL,
            values.to_vec(),
            Verdict::Allow,
            Verdict::Refuse,
        ),
        Test::NoneOf(argument, values) => (
            argument,
            IF_EQUAL,
            values.to_vec(),
            Verdict::Refuse,
            Verdict::Allow,
        ),
    };
    let mut steps = vec![step(LOAD, low_half(argument))];
    let count = values.len();
    for (done, value) in values.into_iter().enumerate() {
        // Over the comparisons that are left and the answer that follows them.
        steps.push(branch(operation, value, count - done, 0));
    }
    steps.extend(answer(otherwise));
    steps.extend(answer(met));
    steps
}

fn low_half(argument: u32) -> u32 {
    ARGUMENTS + 8 * argument + if cfg!(target_endian = "big") { 4 } else { 0 }
}

fn errno(errno: Errno) -> u32 {
    ERRNO | errno.raw_os_error().unsigned_abs()
}

fn step(code: u16, k: u32) -> sock_filter {
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// Goes `met` steps ahead or `otherwise`.
fn branch(code: u16, k: u32, met: usize, otherwise: u8) -> sock_filter {
    let jt = u8::try_from(met).expect("the program is short: see its test");
    sock_filter {
        code,
        jt,
        jf: otherwise,
        k,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TESTS, table, verdicts};
    use super::*;

    /// What the kernel would do.
    fn run(program: &[sock_filter], arch: u32, number: u32, args: [u32; 2]) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let met = match code {
                RETURN => return k,
                LOAD => {
                    loaded = match k {
                        NUMBER => number,
                        ARCHITECTURE => arch,
                        16 => args[0],
                        24 => args[1],
                        other => panic!("loads from {other}"),
                    };
                    continue;
                }
                IF_EQUAL => loaded == k,
                IF_AT_LEAST => loaded >= k,
                IF_ANY_BIT => loaded & k != 0,
                other => panic!("instruction {other}"),
            };
            at += usize::from(if met { jt } else { jf });
        }
    }

    const PERM: u32 = ERRNO | 1;
    const NOSYS: u32 = ERRNO | 0x26;

    fn of(number: libc::c_long, args: [u32; 2]) -> u32 {
        run(
            &compile(&verdicts()),
            OURS,
            u32::try_from(number).unwrap(),
            args,
        )
    }

    #[test]
    fn every_number_gets_the_verdict_of_the_lists() {
        let program = compile(&verdicts());
        assert!(program.len() < 400, "{} instructions", program.len());
        let asked: Vec<_> = TESTS.iter().map(|(call, _)| *call).collect();
        for number in 0..1000 {
            let call = libc::c_long::from(number);
            let listed = |lists: &[&[libc::c_long]]| lists.concat().contains(&call);
            let expected = if listed(&[table::ALLOWED, table::ALLOWED_HERE, table::ALLOWED_NEW]) {
                ALLOW
            } else if listed(&[table::REFUSED, table::REFUSED_HERE]) {
                PERM
            } else {
                NOSYS
            };
            if !asked.contains(&call) {
                let number = u32::try_from(number).unwrap();
                assert_eq!(
                    run(&program, OURS, number, [0; 2]),
                    expected,
                    "call {number}"
                );
            }
        }
    }

    #[test]
    fn no_call_is_in_two_lists() {
        let numbers: Vec<u32> = verdicts().into_iter().map(|(number, _)| number).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn dangerous_calls_are_refused_and_new_ones_unknown() {
        for call in [
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
        ] {
            assert_eq!(of(call, [0; 2]), PERM);
        }
        for call in [
            libc::SYS_mount,
            libc::SYS_setns,
            libc::SYS_unshare,
            libc::SYS_keyctl,
        ] {
            assert_eq!(of(call, [0; 2]), PERM);
        }
        for call in [
            libc::SYS_clone3,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            9999,
        ] {
            assert_eq!(of(call, [0; 2]), NOSYS);
        }
        assert_eq!(of(libc::SYS_openat, [0; 2]), ALLOW);
    }

    #[test]
    fn arguments_decide() {
        let check = |call, args, expected| assert_eq!(of(call, args), expected, "{call} {args:?}");
        let thread = 0x003d_0f00;
        check(libc::SYS_clone, [thread, 0], ALLOW);
        check(libc::SYS_clone, [libc::SIGCHLD.unsigned_abs(), 0], ALLOW);
        for bit in [17, 25, 26, 27, 28, 29, 30] {
            check(libc::SYS_clone, [thread | 1 << bit, 0], PERM);
        }
        for (family, expected) in [(1, ALLOW), (2, ALLOW), (10, ALLOW), (16, ALLOW), (0, PERM)] {
            check(libc::SYS_socket, [family, 0], expected);
        }
        for family in [17, 38, 40] {
            check(libc::SYS_socket, [family, 0], PERM);
        }
        check(libc::SYS_ioctl, [0, 0x5401], ALLOW);
        check(libc::SYS_ioctl, [0, 0x5412], PERM);
        check(libc::SYS_ioctl, [0, 0x541c], PERM);
        check(libc::SYS_personality, [0x4_0000, 0], PERM);
        check(libc::SYS_personality, [u32::MAX, 0], ALLOW);
    }

    #[test]
    fn other_ways_to_call_are_closed() {
        let program = compile(&verdicts());
        assert_eq!(
            run(&program, 0x4000_0003, 1, [0; 2]),
            KILL_PROCESS,
            "32-bit"
        );
        let x32 = 0x4000_0000;
        assert_eq!(run(&program, OURS, x32 | 1, [0; 2]), NOSYS);
    }
}
