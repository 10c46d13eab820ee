//! Who the sandboxed processes are outside: the caller, or in place of root an unprivileged id.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use files::{Dir, Kind};
use rustix::process::{getegid, geteuid};

use crate::error::Context;
use crate::{Error, ErrorKind, Result};

/// Ids above are negative to programs that take them for a C int.
const HIGHEST: u32 = 0x7fff_ffff;

/// The one id of the host that all processes in a sandbox have.
///
/// Host uid 0 is never mapped: with it mapped, a payload without any capability still wrote
/// `/proc/sys/kernel/core_pattern`. So a caller that is root lends its sandboxes an unprivileged id, and the
/// folders that a sandbox reads and writes belong to that id ([`HostId::give`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HostId {
    pub uid: u32,
    pub gid: u32,
}

impl HostId {
    /// The caller's own id; as root the id remembered in `state/sandbox-id`, which is written on first use.
    ///
    /// That is the first of root's range in `/etc/subuid`, else the highest mapped id without an account.
    pub fn current(state: &Path) -> Result<HostId> {
        let own = HostId {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        };
        if own.uid != 0 {
            return Ok(own);
        }
        let file = state.join("sandbox-id");
        match fs::read_to_string(&file) {
            Ok(text) => remembered(&text, &file),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => choose(&file),
            Err(cause) => Err(cause).doing(format!("reading {}", file.display())),
        }
    }

    /// Makes the id the owner of a folder and everything in it, without following links.
    ///
    /// Does nothing unless the caller is root: what an ordinary user makes is its own already. For trees that
    /// the caller made itself; a file with a second name elsewhere changes its owner there, too.
    pub fn give(&self, tree: &Path) -> Result<()> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let parent = tree.parent().unwrap_or(tree);
        let giving = |cause| {
            let doing = format!("giving {} to user {}", tree.display(), self.uid);
            Error::new(ErrorKind::Other, doing).caused(cause)
        };
        let name = tree.file_name().unwrap_or_default();
        self.give_entry(&Dir::open(parent).map_err(giving)?, name)
            .map_err(giving)
    }

    fn give_entry(self, dir: &Dir, name: &OsStr) -> files::Result<()> {
        let name = Path::new(name);
        if dir.stat(name)?.is_some_and(|stat| stat.kind == Kind::Dir) {
            let folder = dir.dir(name)?;
            for entry in folder.entries()? {
                self.give_entry(&folder, &entry.name)?;
            }
        }
        dir.set_owner(name, self.uid, self.gid)
    }
}

fn remembered(text: &str, file: &Path) -> Result<HostId> {
    let mut numbers = text.split_whitespace().map(str::parse::<u32>);
    let (Some(Ok(uid @ 1..)), Some(Ok(gid @ 1..)), None) =
        (numbers.next(), numbers.next(), numbers.next())
    else {
        let doing = format!("reading {}, which should hold two ids", file.display());
        return Err(Error::new(ErrorKind::Other, doing));
    };
    if !mapped("uid_map")?.iter().any(|range| range.has(uid)) {
        let doing = format!(
            "using the id {uid} of {}, which is not mapped here",
            file.display()
        );
        return Err(Error::new(ErrorKind::Other, doing));
    }
    Ok(HostId { uid, gid })
}

fn choose(file: &Path) -> Result<HostId> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let one = |sub: &str, map: &str, accounts: &str| -> Result<u32> {
        let mapped = mapped(map)?;
        let id =
            first_subordinate(&read(sub)).filter(|id| mapped.iter().any(|range| range.has(*id)));
        id.or_else(|| highest_unused(&mapped, &read(accounts)))
            .ok_or_else(nobody_else)
    };
    let host = HostId {
        uid: one("/etc/subuid", "uid_map", "/etc/passwd")?,
        gid: one("/etc/subgid", "gid_map", "/etc/group")?,
    };
    let text = format!("{} {}\n", host.uid, host.gid);
    let doing = format!("remembering the sandbox's id in {}", file.display());
    files::write_durable(file, text.as_bytes())
        .map_err(|cause| Error::new(ErrorKind::Other, doing).caused(cause))?;
    Ok(host)
}

fn nobody_else() -> Error {
    let kind = ErrorKind::Unavailable {
        errno: libc::EINVAL,
        knob: "user ids: root is the only one here".to_owned(),
        fix: "run slipway outside of this user namespace, as an ordinary user".to_owned(),
    };
    Error::new(kind, "choosing an unprivileged id for sandboxes")
}

/// Ids of this user namespace that stand for one of the outside.
struct Range {
    first: u32,
    last: u32,
}

impl Range {
    fn has(&self, id: u32) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

fn mapped(map: &str) -> Result<Vec<Range>> {
    let text = fs::read_to_string(format!("/proc/self/{map}")).doing(format!("reading {map}"))?;
    Ok(parse_map(&text))
}

fn parse_map(text: &str) -> Vec<Range> {
    let range = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let (first, count) = (numbers.next()?.ok()?, numbers.nth(1)?.ok()?);
        Some(Range {
            first,
            last: first.saturating_add(count).checked_sub(1)?,
        })
    };
    text.lines().filter_map(range).collect()
}

/// Of `/etc/subuid` or `/etc/subgid`.
fn first_subordinate(text: &str) -> Option<u32> {
    let line = text
        .lines()
        .find(|line| line.starts_with("root:") || line.starts_with("0:"))?;
    line.split(':').nth(1)?.parse().ok().filter(|id| *id != 0)
}

fn highest_unused(mapped: &[Range], accounts: &str) -> Option<u32> {
    let used: Vec<u32> = accounts
        .lines()
        .filter_map(|line| line.split(':').nth(2)?.parse().ok())
        .collect();
    let free = |range: &Range| {
        (range.first.max(1)..=range.last.min(HIGHEST))
            .rev()
            .find(|id| !used.contains(id))
    };
    mapped.iter().filter_map(free).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lent_id_is_high_mapped_and_nobody_s() {
        let check = |map: &str, accounts: &str, expected| {
            assert_eq!(highest_unused(&parse_map(map), accounts), expected);
        };
        check("         0          0 4294967295\n", "", Some(HIGHEST));
        check(
            "0 100000 65536\n",
            "odd:x:65535:0::/:/bin/sh\n",
            Some(65534),
        );
        check("0 1000 1\n1 100000 65536", "", Some(65536));
        check("0 1000 1\n", "", None);
    }

    #[test]
    fn root_s_subordinate_range_comes_first() {
        assert_eq!(
            first_subordinate("me:100000:65536\nroot:231072:65536\n"),
            Some(231_072)
        );
        assert_eq!(first_subordinate("me:100000:65536\n"), None);
    }

    #[test]
    fn uid_0_is_never_taken_from_a_file() {
        assert!(remembered("0 0", Path::new("sandbox-id")).is_err());
        assert!(remembered("", Path::new("sandbox-id")).is_err());
    }

    #[test]
    fn an_id_once_chosen_stays() {
        let state = tempfile::tempdir().unwrap();
        let first = HostId::current(state.path()).unwrap();
        assert_eq!(HostId::current(state.path()).unwrap(), first);
        assert_ne!(first.uid, 0);
        std::fs::create_dir(state.path().join("tree")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", state.path().join("tree/link")).unwrap();
        first.give(&state.path().join("tree")).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!(
            std::fs::metadata(state.path().join("tree")).unwrap().uid(),
            first.uid
        );
        assert_ne!(std::fs::metadata("/etc/passwd").unwrap().uid(), first.uid);
    }
}
