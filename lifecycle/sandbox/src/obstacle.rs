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

/// How a kernel, a policy or a limit says no.
const REFUSALS: [Errno; 8] = [
    Errno::PERM,
    Errno::ACCESS,
    Errno::NOSYS,
    Errno::INVAL,
    Errno::NODEV,
    Errno::NOSPC,
    Errno::USERS,
    Errno::OPNOTSUPP,
];

impl Need {
    /// The error of a step that failed: unavailable if the machine refused it, not if it broke.
    pub(crate) fn refused(self, doing: &str, cause: impl Into<io::Error>) -> Error {
        let cause = cause.into();
        let errno = cause.raw_os_error().unwrap_or(0);
        if !REFUSALS.contains(&Errno::from_raw_os_error(errno)) {
            return Error::new(ErrorKind::Other, doing).caused(cause);
        }
        let Obstacle { knob, fix } = self.obstacle(errno);
        Error::new(ErrorKind::Unavailable { errno, knob, fix }, doing).caused(cause)
    }

    /// The setting behind an errno.
    pub(crate) fn obstacle(self, errno: i32) -> Obstacle {
        let errno = Errno::from_raw_os_error(errno);
        self.policy(errno, &Settings::read())
            .unwrap_or_else(|| self.kernel(errno))
    }

    /// Who allows this step in general and refused it now.
    fn policy(self, errno: Errno, settings: &Settings) -> Option<Obstacle> {
        let step_is_known = matches!(self, Need::UserNamespace | Need::Mounts | Need::Overlay);
        let denied = step_is_known && [Errno::PERM, Errno::ACCESS].contains(&errno);
        let full = self == Need::UserNamespace && [Errno::NOSPC, Errno::USERS].contains(&errno);
        let (knob, fix) = if denied && settings.apparmor == Some(1) {
            let knob = "kernel.apparmor_restrict_unprivileged_userns";
            (
                knob,
                "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or install slipway's AppArmor profile",
            )
        } else if denied && settings.clone == Some(0) {
            let knob = "kernel.unprivileged_userns_clone";
            (knob, "sudo sysctl -w kernel.unprivileged_userns_clone=1")
        } else if full || denied && settings.namespaces == Some(0) {
            (
                "user.max_user_namespaces",
                "sudo sysctl -w user.max_user_namespaces=15000",
            )
        } else if denied && settings.filtered {
            let fix = "start it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined";
            ("the seccomp profile of this container", fix)
        } else {
            return None;
        };
        Some(obstacle(knob, fix))
    }

    /// What the kernel lacks, if no setting explains it.
    fn kernel(self, errno: Errno) -> Obstacle {
        let (knob, fix) = match self {
            Need::UserNamespace => (
                "user namespaces",
                "use a kernel with CONFIG_USER_NS, or ask who runs this machine to allow them",
            ),
            Need::Mounts if errno == Errno::NOSPC => {
                ("fs.mount-max", "sudo sysctl -w fs.mount-max=100000")
            }
            Need::Mounts => ("mounts in user namespaces", "use Linux 5.12 or newer"),
            Need::Overlay if errno == Errno::NODEV => (
                "the kernel's overlay module",
                "load it: sudo modprobe overlay",
            ),
            Need::Overlay => (
                "overlay filesystems in user namespaces",
                "use Linux 5.12 or newer, and keep slipway's state (SLIPWAY_HOME) on a local disk",
            ),
            Need::Proc => (
                "a masked /proc (container)",
                "start the container with --security-opt systempaths=unconfined (Kubernetes: procMount: Unmasked)",
            ),
            Need::Seccomp => ("seccomp filters", "use a kernel with CONFIG_SECCOMP_FILTER"),
        };
        obstacle(knob, fix)
    }
}

/// What this machine says about user namespaces; `None` where it has no such setting.
struct Settings {
    apparmor: Option<u64>,
    clone: Option<u64>,
    namespaces: Option<u64>,
    /// Whether this process runs under a seccomp filter.
    filtered: bool,
}

impl Settings {
    fn read() -> Settings {
        Settings {
            apparmor: sysctl("kernel/apparmor_restrict_unprivileged_userns"),
            clone: sysctl("kernel/unprivileged_userns_clone"),
            namespaces: sysctl("user/max_user_namespaces"),
            filtered: seccomp_filtered(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knob_is_the_one_that_refused() {
        let free = || Settings {
            apparmor: None,
            clone: None,
            namespaces: Some(100),
            filtered: false,
        };
        let check = |need: Need, errno, settings: Settings, expected: Option<&str>| {
            let found = need.policy(errno, &settings).map(|obstacle| obstacle.knob);
            assert_eq!(found.as_deref(), expected, "{need:?} {errno:?}");
        };
        let apparmor = "kernel.apparmor_restrict_unprivileged_userns";
        check(
            Need::Mounts,
            Errno::ACCESS,
            Settings {
                apparmor: Some(1),
                ..free()
            },
            Some(apparmor),
        );
        check(
            Need::Mounts,
            Errno::PERM,
            Settings {
                apparmor: Some(0),
                ..free()
            },
            None,
        );
        let clone = Some("kernel.unprivileged_userns_clone");
        check(
            Need::UserNamespace,
            Errno::PERM,
            Settings {
                clone: Some(0),
                ..free()
            },
            clone,
        );
        let number = Some("user.max_user_namespaces");
        check(Need::UserNamespace, Errno::NOSPC, free(), number);
        check(
            Need::UserNamespace,
            Errno::PERM,
            Settings {
                namespaces: Some(0),
                ..free()
            },
            number,
        );
        let filter = Some("the seccomp profile of this container");
        check(
            Need::UserNamespace,
            Errno::PERM,
            Settings {
                filtered: true,
                ..free()
            },
            filter,
        );
        check(
            Need::Overlay,
            Errno::INVAL,
            Settings {
                filtered: true,
                ..free()
            },
            None,
        );
        check(Need::UserNamespace, Errno::NOSYS, free(), None);
    }

    #[test]
    fn only_a_refusal_makes_the_sandbox_unavailable() {
        let kind = |errno: Errno| Need::Overlay.refused("mounting", errno).kind().clone();
        assert!(matches!(
            kind(Errno::NODEV),
            ErrorKind::Unavailable {
                errno: libc::ENODEV,
                ..
            }
        ));
        assert_eq!(kind(Errno::MFILE), ErrorKind::Other);
    }
}
