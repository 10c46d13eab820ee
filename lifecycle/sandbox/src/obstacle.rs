//! Who refused a step of the sandbox, and what the user can do about it.
//!
//! Settings are read only to explain a refusal, never to predict one: what works is found by doing it.

use std::fs;
use std::io;

use rustix::io::Errno;

use crate::{Error, ErrorKind};

/// What a step needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    UserNamespace,
    Mounts,
    Overlay,
    Proc,
    Seccomp,
}

/// Which setting stands in the way, and one line that the user can act on.
pub(crate) struct Obstacle {
    pub(crate) knob: String,
    pub(crate) fix: String,
}

impl Need {
    /// The error of a step that the machine refused.
    pub(crate) fn refused(self, doing: &str, cause: impl Into<io::Error>) -> Error {
        let cause = cause.into();
        let errno = cause.raw_os_error().unwrap_or(0);
        let Obstacle { knob, fix } = self.obstacle(errno);
        Error::new(ErrorKind::Unavailable { errno, knob, fix }, doing).caused(cause)
    }

    pub(crate) fn obstacle(self, errno: i32) -> Obstacle {
        match self {
            Need::UserNamespace | Need::Mounts => namespaces(errno),
            Need::Overlay if errno == Errno::NODEV.raw_os_error() => obstacle(
                "the kernel's overlay module",
                "load it: sudo modprobe overlay",
            ),
            Need::Overlay => namespaces_or(errno, || {
                obstacle(
                    "overlay filesystems in user namespaces",
                    "use Linux 5.11 or newer; keep slipway's state (SLIPWAY_HOME) on a local disk",
                )
            }),
            Need::Proc => obstacle(
                "a masked /proc (container)",
                "start the container with --security-opt systempaths=unconfined (Kubernetes: procMount: Unmasked)",
            ),
            Need::Seccomp => obstacle("seccomp filters", "use a kernel with CONFIG_SECCOMP_FILTER"),
        }
    }
}

fn namespaces(errno: i32) -> Obstacle {
    namespaces_or(errno, || {
        obstacle(
            "user namespaces",
            "use a kernel with CONFIG_USER_NS, or ask who runs this machine to allow user namespaces",
        )
    })
}

/// Looks for the setting that refuses user namespaces or mounts in them.
fn namespaces_or(errno: i32, otherwise: impl FnOnce() -> Obstacle) -> Obstacle {
    let space = errno == Errno::NOSPC.raw_os_error();
    if sysctl("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return obstacle(
            "kernel.apparmor_restrict_unprivileged_userns",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or install slipway's AppArmor profile",
        );
    }
    if sysctl("kernel/unprivileged_userns_clone") == Some(0) {
        return obstacle(
            "kernel.unprivileged_userns_clone",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    if sysctl("user/max_user_namespaces") == Some(0) || space {
        return obstacle(
            "user.max_user_namespaces",
            "sudo sysctl -w user.max_user_namespaces=15000",
        );
    }
    if seccomp_filtered() {
        return obstacle(
            "the seccomp profile of this container",
            "start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
        );
    }
    otherwise()
}

fn obstacle(knob: &str, fix: &str) -> Obstacle {
    Obstacle {
        knob: knob.to_owned(),
        fix: fix.to_owned(),
    }
}

/// A number under `/proc/sys`; `None` when the kernel has no such setting.
pub(crate) fn sysctl(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{name}"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn seccomp_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .any(|line| line.split_whitespace().eq(["Seccomp:", "2"]))
}
