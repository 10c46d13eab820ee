//! Every raw system call and every unsafe block of the sandbox.
//!
//! Each function is one call that rustix lacks or marks unsafe, made safe for the one way we use it: a helper
//! process that has a single thread.
#![allow(
    unsafe_code,
    reason = "the one place for it, besides the chunk store's map"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::{Pid, Signal};
use rustix::thread::UnshareFlags;

/// Which side of a fork this is.
pub(crate) enum Fork {
    Child,
    Parent(Pid),
}

/// Forks a process that has a single thread; the child may do all the parent could.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: callers run in the helper, which is single-threaded from exec on, so no lock of the allocator or
    // of std is held by a thread that the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(
            Pid::from_raw(pid).expect("fork returns -1, 0 or an id"),
        )),
    }
}

/// Moves this process into new namespaces.
pub(crate) fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    debug_assert!(
        !namespaces.contains(UnshareFlags::FILES),
        "descriptors stay shared"
    );
    // SAFETY: unsafe only for FILES, which is never asked for.
    Ok(unsafe { rustix::thread::unshare_unsafe(namespaces) }?)
}

#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Sets attributes of a mount and all mounts beneath it, and cuts them off from mounts elsewhere.
///
/// `set` are `MOUNT_ATTR_*` bits. Linux 5.12.
pub(crate) fn mount_setattr(mount: BorrowedFd<'_>, set: c_uint) -> io::Result<()> {
    const MOUNT_ATTR_SIZE_VER0: usize = 32;
    let attr = MountAttr {
        attr_set: u64::from(set),
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    // SAFETY: the path is a C string, the struct has the layout and size of the kernel's first version.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attr,
            MOUNT_ATTR_SIZE_VER0,
        )
    };
    check(done)
}

/// Replaces this process by a program; returns only if that failed.
pub(crate) fn execve(program: &CStr, argv: &[CString], envp: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings
            .iter()
            .map(|string| string.as_ptr())
            .chain([std::ptr::null()])
            .collect()
    };
    let (argv, envp) = (pointers(argv), pointers(envp));
    // SAFETY: both arrays end with a null pointer and their strings outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

/// Blocks SIGCHLD and returns a descriptor that is readable when a child has ended.
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before it is read; the result is a descriptor of our own.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        check(c_long::from(libc::sigprocmask(
            libc::SIG_BLOCK,
            &raw const set,
            std::ptr::null_mut(),
        )))?;
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        check(c_long::from(fd))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Ignores a signal in this process and what it starts, until [`reset_signals`].
pub(crate) fn ignore(signal: Signal) -> io::Result<()> {
    // SAFETY: SIG_IGN is no handler of ours, nothing runs on delivery.
    match unsafe { libc::signal(signal.as_raw(), libc::SIG_IGN) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Gives every signal its default action and blocks none, as a program expects to be started.
pub(crate) fn reset_signals() -> io::Result<()> {
    // SAFETY: SIG_DFL is no handler of ours; KILL, STOP and libc's own signals refuse, which is fine. The set
    // is initialised before it is read.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut set);
        check(c_long::from(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const set,
            std::ptr::null_mut(),
        )))
    }
}

/// Signals every process this one may signal, except itself.
pub(crate) fn kill_all(signal: Signal) -> io::Result<()> {
    // SAFETY: takes two numbers.
    check(c_long::from(unsafe { libc::kill(-1, signal.as_raw()) }))
}

/// Joins a new, empty session keyring, so that the keys of the caller's are out of reach.
pub(crate) fn new_session_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    let done = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<c_char>(),
        )
    };
    check(done)
}

/// Marks all descriptors from `first` on to be closed when a program starts (Linux 5.11).
pub(crate) fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: c_uint = 1 << 2;
    // SAFETY: takes numbers; no descriptor is closed now, so none that is in use dangles.
    check(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    })
}

/// Makes `from` also known as descriptor 3, open across exec.
pub(crate) fn duplicate_to_3(from: BorrowedFd<'_>) -> io::Result<()> {
    if from.as_raw_fd() == 3 {
        return Ok(rustix::io::fcntl_setfd(from, rustix::io::FdFlags::empty())?);
    }
    // SAFETY: callers are about to exec; what they own as descriptor 3 they keep without using it again.
    check(c_long::from(unsafe { libc::dup2(from.as_raw_fd(), 3) }))
}

/// What the caller passed as descriptor 3, as a descriptor of our own.
pub(crate) fn descriptor_3() -> io::Result<OwnedFd> {
    // SAFETY: borrowed for this call only; if it is not open, duplicating it fails.
    let third = unsafe { BorrowedFd::borrow_raw(3) };
    let own = rustix::io::fcntl_dupfd_cloexec(third, 4)?;
    rustix::io::fcntl_setfd(third, rustix::io::FdFlags::CLOEXEC)?;
    Ok(own)
}

/// Brings the loopback interface of this network namespace up.
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the request is zeroed, its name is filled within bounds and ends with a null byte; the ioctl
    // reads and writes nothing beyond it.
    unsafe {
        let mut request = std::mem::zeroed::<libc::ifreq>();
        for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
            *to = c_char::from_ne_bytes([*from]);
        }
        check(c_long::from(libc::ioctl(
            socket.as_raw_fd(),
            GET_INTERFACE_FLAGS,
            &raw mut request,
        )))?;
        request.ifr_ifru.ifru_flags |= c_short_of(libc::IFF_UP | libc::IFF_RUNNING);
        check(c_long::from(libc::ioctl(
            socket.as_raw_fd(),
            SET_INTERFACE_FLAGS,
            &raw const request,
        )))
    }
}

/// `SIOCGIFFLAGS` and `SIOCSIFFLAGS`, whose type in `libc` differs between musl and glibc.
const GET_INTERFACE_FLAGS: libc::Ioctl = 0x8913;
const SET_INTERFACE_FLAGS: libc::Ioctl = 0x8914;

/// Puts every further system call of this process and what it starts through a filter, for good.
///
/// Needs no_new_privs. The filter is a classic BPF program over `struct seccomp_data`.
pub(crate) fn seccomp_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    const SECCOMP_SET_MODE_FILTER: c_uint = 1;
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog {
        len,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions from a slice that long, and does not write to it.
    check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    })
}

/// The version of Landlock that this kernel offers.
pub(crate) fn landlock_version() -> io::Result<c_long> {
    const VERSION: c_uint = 1;
    // SAFETY: without attributes and with this flag the call only answers.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            VERSION,
        )
    };
    check(version).map(|()| version)
}

fn c_short_of(flags: c_int) -> i16 {
    i16::try_from(flags).expect("interface flags are small")
}

fn check(result: c_long) -> io::Result<()> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
