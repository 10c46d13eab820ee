//! Runs a process in a root filesystem without root.
//!
//! [`Sandbox`] describes, [`Sandbox::start`] runs, [`Running`] ends with an [`Exit`]. Inside, the agent gives
//! each buildpack a sandbox of its own with [`nested::run`]. Everything happens in a helper process,
//! `/proc/self/exe sandbox-init`, whose body is [`init`]: the caller has threads and must not fork.
//! [`probe`] says what this machine allows. [`View`] is no sandbox: layers seen as one folder by the caller's own program.
//!
//! Needs Linux 5.12 with user namespaces that may mount; Landlock and limits per namespace are used where the
//! kernel has them (5.13, 6.12; 5.14). x86_64 and aarch64.
//!
//! Reading order is that of the steps: `running` (the caller) → `init` (the helper) → `phase` or `nested` →
//! `sources`, `userns`, `reaper` (process 1), `rootfs`, `scaffold`, `kernel` → `inner` → `confine` (the program).
//! Reasons: `docs/design/sandbox.md`, `docs/design/decisions.md` 25, 26.

mod bytes;
mod confine;
mod control;
mod error;
mod host_id;
mod init;
mod inner;
mod kernel;
mod landlock;
mod limits;
mod mounts;
pub mod nested;
mod network;
mod obstacle;
mod phase;
pub mod probe;
mod reaper;
mod request;
mod rootfs;
mod running;
mod scaffold;
mod seccomp;
mod sources;
mod sys;
mod userns;
mod view;

pub use error::{Error, ErrorKind, Result};
pub use host_id::HostId;
pub use init::{INIT, init};
pub use running::{Io, Running, events};
pub use view::{View, Viewer};

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A place for one process and all its descendants.
///
/// Everything that is not named here is absent: no other files, processes, environment or open files.
/// `/proc`, `/sys`, `/dev`, `/dev/shm` are always there; with [`Root::ReadOnly`] also a tmpfs on `/tmp`,
/// `/var/tmp` and `/run`, unless `mounts` has something at that name. Mount points are made as needed and
/// never show in `lower`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    pub root: Root,
    pub mounts: Vec<Mount>,
    pub network: Network,
    /// Who the payload is inside; outside it is always the [`HostId`]. An agent is 0 inside whatever stands here.
    pub uid: u32,
    pub gid: u32,
    pub hostname: String,
    pub limits: Limits,
    pub stage: Stage,
}

/// Where the files of the sandbox come from.
///
/// Folders are absolute or relative to the current folder, and readable by the [`HostId`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Root {
    /// The layers seen through one another, nothing can be written outside `mounts`.
    ReadOnly {
        /// Unpacked layers, topmost first, at least one.
        #[serde(with = "bytes")]
        lower: Vec<PathBuf>,
    },
    /// The same with a scratch folder that takes all changes.
    Scratch {
        /// Unpacked layers, topmost first, at least one.
        #[serde(with = "bytes")]
        lower: Vec<PathBuf>,
        /// Takes the changes; owned by the [`HostId`], as is `work`.
        #[serde(with = "bytes")]
        upper: PathBuf,
        /// Empty, in the same filesystem as `upper`, and on the way from their common parent folder to
        /// both the [`HostId`] may search. Never reused: a second sandbox needs a fresh one.
        #[serde(with = "bytes")]
        work: PathBuf,
    },
}

/// Something of the host, or fresh memory, seen at a name inside. Always nosuid and nodev.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mount {
    pub from: From,
    /// Absolute; links on the way are those of the sandbox's root.
    #[serde(with = "bytes")]
    pub at: PathBuf,
    pub writable: bool,
}

/// What is seen at a mount.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum From {
    /// A file or folder of the host.
    Bind(#[serde(with = "bytes")] PathBuf),
    /// An empty folder in memory, mode 1777.
    Tmpfs { size_bytes: u64 },
    /// Folders seen through one another, of which only the topmost is changed: nothing below is copied until it is
    /// changed, and what is deleted leaves a whiteout (character device 0:0).
    ///
    /// A folder that exists below cannot be renamed: `EXDEV`, as on every overlay without redirects.
    Overlay {
        /// Topmost first, at least one; owned by the [`HostId`], or they cannot be changed.
        #[serde(with = "bytes")]
        lower: Vec<PathBuf>,
        /// Takes the changes; as in [`Root::Scratch`].
        #[serde(with = "bytes")]
        upper: PathBuf,
        /// As in [`Root::Scratch`].
        #[serde(with = "bytes")]
        work: PathBuf,
    },
}

/// What the payload can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Nothing but its own loopback.
    None,
    /// What the host can reach. Abstract unix sockets of the host are cut off where the kernel can (6.12).
    Host,
}

/// How far the sandbox goes before the program starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Our own agent: uid 0 of the first user namespace, with that namespace's capabilities, so that it can
    /// start nested sandboxes. SIGTERM and SIGINT are ignored in it; the nested payloads get them.
    Agent,
    /// Anything else: straight to `uid:gid`, no capabilities, Landlock, seccomp.
    Payload,
}

/// Bounds of what one payload may use.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads at one time.
    pub processes: u64,
    pub open_files: u64,
    pub file_size_bytes: u64,
    /// Of each tmpfs that is always there.
    pub tmp_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        const GIB: u64 = 1 << 30;
        Limits {
            processes: 4096,
            open_files: 65_536,
            file_size_bytes: 64 * GIB,
            tmp_bytes: 4 * GIB,
        }
    }
}

/// What is started in a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Absolute name inside the sandbox; no search along PATH.
    #[serde(with = "bytes")]
    pub program: PathBuf,
    /// Without the name of the program itself.
    #[serde(with = "bytes")]
    pub args: Vec<OsString>,
    /// The whole environment, in this order.
    #[serde(with = "bytes")]
    pub env: Vec<(OsString, OsString)>,
    /// The working folder inside.
    #[serde(with = "bytes")]
    pub dir: PathBuf,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// Which of its two outputs a program wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}
