//! User namespaces: one id inside stands for one id outside, and host uid 0 is never that id.

use std::fs;
use std::fs::File;
use std::io::Write;

use rustix::fs::{Mode, OFlags, openat};
use rustix::process::{DumpableBehavior, Gid, Uid, geteuid, getgid, set_dumpable_behavior};
use rustix::thread::{UnshareFlags, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::error::Context;
use crate::obstacle::Need;
use crate::{Error, ErrorKind, HostId, Result, sys};

/// A user and a group as seen from one side of a map.
#[derive(Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// In place of root becomes the id that sandboxes have outside.
///
/// An ordinary caller keeps its further groups, since the kernel lets nobody in a user namespace drop them; they
/// matter for files of those groups that the request shows to the sandbox.
pub(crate) fn become_host_id(host: HostId) -> Result<()> {
    if host.uid == 0 {
        return Err(Error::new(
            ErrorKind::Other,
            "refusing to lend uid 0 to a sandbox",
        ));
    }
    if !geteuid().is_root() {
        let own = HostId {
            uid: geteuid().as_raw(),
            gid: getgid().as_raw(),
        };
        let wrong = || {
            Error::new(
                ErrorKind::Other,
                format!("becoming uid {} without root", host.uid),
            )
        };
        return if own.uid == host.uid {
            Ok(())
        } else {
            Err(wrong())
        };
    }
    let (uid, gid) = (Uid::from_raw(host.uid), Gid::from_raw(host.gid));
    set_thread_groups(&[]).doing("giving up root's groups")?;
    set_thread_res_gid(gid, gid, gid).doing(format!("becoming group {}", host.gid))?;
    set_thread_res_uid(uid, uid, uid).doing(format!("becoming user {}", host.uid))?;
    // A process that changed its user is not dumpable: its own /proc files belong to root, id maps included.
    set_dumpable_behavior(DumpableBehavior::Dumpable).doing("reaching our own /proc files")
}

/// Enters a new user namespace, and the further namespaces given, with `inside` standing for `outside`.
pub(crate) fn enter(also: UnshareFlags, inside: Ids, outside: Ids) -> Result<()> {
    let refused = |doing: &str, cause| Need::UserNamespace.refused(doing, cause);
    sys::unshare(UnshareFlags::NEWUSER | also)
        .map_err(|cause| refused("creating a user namespace", cause))?;
    let map = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text)
            .map_err(|cause| refused(&format!("writing {file} of a user namespace"), cause))
    };
    map("setgroups", "deny".to_owned())?;
    map("gid_map", format!("{} {} 1", inside.gid, outside.gid))?;
    map("uid_map", format!("{} {} 1", inside.uid, outside.uid))
}

/// The folder of this user namespace's limits; stays usable when something is mounted over `/proc/sys`.
pub(crate) fn limits_folder() -> Result<File> {
    File::open("/proc/sys/user").doing("opening /proc/sys/user")
}

/// No process of this user namespace can make another one.
pub(crate) fn forbid_more(limits: &File) -> Result<()> {
    let doing = "writing user.max_user_namespaces";
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = openat(limits, "max_user_namespaces", flags, Mode::empty()).doing(doing)?;
    File::from(file).write_all(b"0").doing(doing)
}
