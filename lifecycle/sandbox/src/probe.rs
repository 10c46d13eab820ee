//! What this kernel allows, found by trying, and what to tell the user.

use std::io::Read;
use std::path::{Path, PathBuf};

use files::Dir;
use rustix::process::{WaitOptions, waitpid};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use crate::error::Context;
use crate::obstacle::sysctl;
use crate::request::{Reply, Request};
use crate::rootfs::{self, Staging};
use crate::sys::{self, Fork};
use crate::userns::{self, Ids};
use crate::{
    Command, Error, ErrorKind, From, HostId, Io, Limits, Mount, Network, Result, Root, Sandbox,
    Stage, inner, kernel, running, seccomp,
};

/// One row per thing that was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Such as `user namespace`.
    pub what: String,
    pub state: State,
    /// What was found: a version, a number, an errno in words.
    pub detail: String,
    /// One line that the user can act on; empty when all is well.
    pub fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Works,
    /// Missing, and the sandbox works without it.
    Reduced,
    /// Missing, and there is no sandbox without it.
    Refused,
}

impl Report {
    /// Whether builds can be isolated here.
    pub fn usable(&self) -> bool {
        self.rows.iter().all(|row| row.state != State::Refused)
    }
}

/// Tries everything a sandbox needs, in a process of its own, as the given id.
pub fn probe(host: &HostId) -> Report {
    ask(*host).unwrap_or_else(|error| {
        let fix = "run slipway where it may start itself (/proc mounted, not out of processes)";
        Report {
            rows: vec![refused("sandbox helper", &error, fix)],
        }
    })
}

fn ask(host: HostId) -> Result<Report> {
    let doing = "asking the sandbox's helper what works";
    let (control, mut helper) = running::helper(running::Session::Own, doing)?;
    let sent = control
        .send_with(&Request::Probe { host }, &[])
        .doing(doing);
    let reply = sent.and_then(|()| control.receive().doing(doing));
    helper.wait().doing(doing)?;
    match reply? {
        Some(Reply::Report(report)) => Ok(report),
        Some(Reply::Failed(failure)) => Err(failure.into()),
        _ => Err(Error::new(ErrorKind::Other, doing)),
    }
}

/// Tries whether folders of the file system that `folder` is on can be seen copy-on-write ([`crate::From::Overlay`]).
///
/// Leaves nothing in `folder`, which the caller may write to.
pub fn copy_on_write(host: &HostId, folder: &Path) -> Row {
    let what = "copy-on-write";
    let tried = try_copy_on_write(*host, folder);
    let mut row = row(what, tried, "of cached layers");
    if row.state == State::Refused {
        row.state = State::Reduced;
    }
    row
}

/// Whether an overlay can keep changes in the file system that `folder` is on; makes marks there, which stay.
///
/// The kernel mounts an overlay also where it then can neither delete nor replace anything, as above another overlay: in
/// a container without a volume. `folder` is empty.
pub fn keeps_changes(folder: &Path) -> Result<()> {
    let marked = Dir::open(folder).and_then(|dir| {
        dir.whiteout(Path::new("deleted"))?;
        dir.create_dir(Path::new("replaced"), 0o755)?;
        dir.make_opaque(Path::new("replaced"))
    });
    marked.map_err(|cause| {
        let kind = ErrorKind::Unavailable {
            errno: libc::EOPNOTSUPP,
            knob: format!("the file system of {}", folder.display()),
            fix: "keep slipway's state (SLIPWAY_HOME) on a local disk or a volume".to_owned(),
        };
        Error::new(kind, "marking files as overlays do").caused(cause)
    })
}

fn try_copy_on_write(host: HostId, folder: &Path) -> Result<()> {
    let doing = "making folders to try an overlay with";
    let failed = |cause: files::Error| Error::new(ErrorKind::Other, doing).caused(cause);
    let name = format!("copy-on-write-{}", std::process::id());
    let place = Dir::open(folder).map_err(failed)?;
    place.remove_tree(Path::new(&name)).map_err(failed)?;
    let top = place.create_dir(Path::new(&name), 0o755).map_err(failed)?;
    let path = |name: &str| top.path().join(name);
    let tried = || {
        for name in ["marks", "lower", "upper", "work"] {
            top.create_dir(Path::new(name), 0o755).map_err(failed)?;
        }
        keeps_changes(&path("marks"))?;
        host.give(top.path())?;
        let seen = Mount {
            from: From::Overlay {
                lower: vec![path("lower")],
                upper: path("upper"),
                work: path("work"),
            },
            at: "/layers".into(),
            writable: true,
        };
        starts_nothing(host, path("lower"), seen)
    };
    let tried = tried();
    place.remove_tree(Path::new(&name)).map_err(failed)?;
    tried
}

/// Everything up to the program, which is not there.
fn starts_nothing(host: HostId, root: PathBuf, mount: Mount) -> Result<()> {
    let sandbox = Sandbox {
        root: Root::ReadOnly { lower: vec![root] },
        mounts: vec![mount],
        network: Network::None,
        uid: 0,
        gid: 0,
        hostname: "slipway".to_owned(),
        limits: Limits::default(),
        stage: Stage::Agent,
    };
    let nothing = Command {
        program: "/nothing".into(),
        args: Vec::new(),
        env: Vec::new(),
        dir: "/".into(),
    };
    match sandbox.start(&host, &nothing, Io::Pipes) {
        Err(error) if matches!(error.kind(), ErrorKind::Exec { .. }) => Ok(()),
        started => started.map(drop),
    }
}

/// The helper's side: every try happens in a child, since most cannot be undone.
pub(crate) fn in_helper(host: HostId) -> Report {
    let mut rows = in_child(|| namespaces(host)).unwrap_or_default();
    rows.extend([
        landlock(),
        settings(),
        subordinate_ids(host),
        memory_limit(),
    ]);
    Report { rows }
}

fn namespaces(host: HostId) -> Vec<Row> {
    let all = UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWNET;
    let outside = Ids {
        uid: host.uid,
        gid: host.gid,
    };
    let entered = userns::become_host_id(host)
        .and_then(|()| userns::enter(all, Ids { uid: 0, gid: 0 }, outside));
    let usable = entered.is_ok();
    let mut rows = vec![row(
        "user namespace",
        entered,
        &format!("as uid {}", host.uid),
    )];
    if usable {
        // A child, since only children are in the new pid namespace.
        rows.extend(in_child(inside).unwrap_or_default());
    }
    rows
}

/// As process 1 of the namespaces that [`namespaces`] made.
fn inside() -> Vec<Row> {
    let mut rows = vec![
        row(
            "network namespace",
            Network::None.prepare("slipway"),
            "with loopback",
        ),
        row(
            "fresh /proc",
            kernel::proc().map(drop),
            "of its own pid namespace",
        ),
    ];
    let staging = Staging::enter();
    let overlay = staging.and_then(|_| rootfs::try_overlay());
    rows.push(row("overlay filesystem", overlay, "of layer folders"));
    let second = in_child(|| {
        let entered = inner::enter(Ids {
            uid: 1001,
            gid: 1000,
        });
        vec![row(
            "second user namespace",
            entered,
            "without capabilities, and no third one",
        )]
    });
    rows.extend(second.unwrap_or_default());
    let filter = in_child(|| vec![row("seccomp filter", seccomp::restrict(), "an allow-list")]);
    rows.extend(filter.unwrap_or_default());
    rows
}

fn landlock() -> Row {
    let what = "Landlock".to_owned();
    let (state, detail, fix) = match sys::landlock_version() {
        Ok(version @ 6..) => (State::Works, format!("version {version}"), String::new()),
        Ok(version) => {
            let detail = format!("version {version} does not cut off the host's abstract sockets");
            let fix = "use Linux 6.12 or newer, or --network none";
            (State::Reduced, detail, fix.to_owned())
        }
        Err(cause) => {
            let fix = "use Linux 5.13 or newer with landlock among the kernel's lsm=";
            (State::Reduced, cause.to_string(), fix.to_owned())
        }
    };
    Row {
        what,
        state,
        detail,
        fix,
    }
}

/// What explains a refusal above.
fn settings() -> Row {
    let value =
        |name: &str| sysctl(name).map_or_else(|| "absent".to_owned(), |value| value.to_string());
    let names = [
        ("user.max_user_namespaces", "user/max_user_namespaces"),
        (
            "kernel.unprivileged_userns_clone",
            "kernel/unprivileged_userns_clone",
        ),
        (
            "kernel.apparmor_restrict_unprivileged_userns",
            "kernel/apparmor_restrict_unprivileged_userns",
        ),
    ];
    let detail = names
        .map(|(name, file)| format!("{name}: {}", value(file)))
        .join(", ");
    Row {
        what: "settings".to_owned(),
        state: State::Works,
        detail,
        fix: String::new(),
    }
}

/// Not needed: one id is enough for builds.
fn subordinate_ids(host: HostId) -> Row {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let accounts = read("/etc/passwd");
    let name = accounts
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&host.uid.to_string()))
        .and_then(|line| line.split(':').next());
    let uid = host.uid.to_string();
    let ranges = read("/etc/subuid");
    let range = ranges.lines().find(|line| {
        let owner = line.split(':').next();
        owner == Some(uid.as_str()) || (name.is_some() && owner == name)
    });
    let detail = range.map_or_else(|| "none".to_owned(), ToOwned::to_owned);
    Row {
        what: "subordinate ids".to_owned(),
        state: State::Works,
        detail: format!("{detail} (builds do not need them)"),
        fix: String::new(),
    }
}

fn memory_limit() -> Row {
    Row {
        what: "memory limit".to_owned(),
        state: State::Reduced,
        detail: "none: a build may use all memory of this machine".to_owned(),
        fix: "set one around slipway: systemd-run --user --scope -p MemoryMax=8G slipway build"
            .to_owned(),
    }
}

fn row(what: &str, tried: Result<()>, detail: &str) -> Row {
    match tried {
        Ok(()) => Row {
            what: what.to_owned(),
            state: State::Works,
            detail: detail.to_owned(),
            fix: String::new(),
        },
        Err(error) => {
            let fix = match error.kind() {
                ErrorKind::Unavailable { knob, fix, .. } => format!("{knob}: {fix}"),
                _ => String::new(),
            };
            refused(what, &error, &fix)
        }
    }
}

fn refused(what: &str, error: &Error, fix: &str) -> Row {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Row {
        what: what.to_owned(),
        state: State::Refused,
        detail: format!("{error}{}", cause.unwrap_or_default()),
        fix: fix.to_owned(),
    }
}

/// Rows that a forked child found; `None` if it died over it.
fn in_child(find: impl FnOnce() -> Vec<Row>) -> Option<Vec<Row>> {
    let (mut from, mut to) = std::io::pipe().ok()?;
    let child = match sys::fork().ok()? {
        Fork::Child => {
            let told = serde_json::to_writer(&mut to, &find());
            crate::init::leave(told.is_ok())
        }
        Fork::Parent(child) => child,
    };
    drop(to);
    let mut text = Vec::new();
    from.read_to_end(&mut text).ok()?;
    waitpid(Some(child), WaitOptions::empty()).ok()?;
    serde_json::from_slice(&text).ok()
}
