//! One system call of a command, counted and disturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::patience::finish;

/// Calls that change something. strace skips those that this machine does not have (`?`).
const CHANGING: &str = "?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,?unlink,?unlinkat,?rmdir,?mkdir,?mkdirat,\
    ?fsync,?fdatasync,?write,?pwrite64,?writev,?pwritev,?pwritev2,?open,?openat,?openat2,?creat,?ftruncate,?fallocate,\
    ?copy_file_range,?sync_file_range,?sendfile,?fchmod";

/// Calls that give a file its name.
const NAMING: &str = "?rename,?renameat,?renameat2,?link,?linkat";

/// A system call of a command: the `when`-th one of its name in a thread, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) when: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Kill,
    /// The call does nothing and fails with this error.
    Errno(&'static str),
}

/// What became of a disturbed command.
pub(crate) struct Outcome {
    /// The call was reached.
    pub(crate) fired: bool,
    pub(crate) success: bool,
    pub(crate) stderr: String,
    /// Half-written files that the disk refused to sync (EIO).
    pub(crate) unsynced: Vec<String>,
    /// Those of them that were synced again or got a name nevertheless.
    pub(crate) trusted: Vec<String>,
}

/// All changing calls of a command on files of `world`, in order of their names.
pub(crate) fn calls(command: &Command, world: &Path, log: &Path) -> Result<Vec<Call>> {
    let mut strace = strace(command, log, CHANGING);
    let output = finish(&mut strace)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{strace:?}: {}: {text}", output.status).into());
    }
    Ok(parse(&std::fs::read_to_string(log)?, world))
}

/// Runs a command with one of its calls disturbed.
pub(crate) fn disturb(command: &Command, call: &Call, fault: Fault, log: &Path) -> Result<Outcome> {
    // With the names that files get afterwards.
    let traced = format!("{},{NAMING}", call.name);
    let mut strace = strace(command, log, &traced);
    let what = match fault {
        Fault::Kill => "signal=SIGKILL".to_owned(),
        Fault::Errno(name) => format!("error={name}"),
    };
    // Before the command, which is the first word that is no option.
    let mut injected = Command::new(strace.get_program());
    injected.arg("-e");
    injected.arg(format!("inject={}:{what}:when={}", call.name, call.when));
    injected.args(strace.get_args());
    for (name, value) in strace.get_envs() {
        injected.env(name, value.unwrap_or_default());
    }
    strace = injected;
    let output = finish(&mut strace)?;
    let killed = output.status.signal() == Some(9);
    let log = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let fired = match fault {
        Fault::Kill => killed,
        Fault::Errno(_) => log.contains("(INJECTED)"),
    };
    Ok(Outcome {
        fired,
        unsynced: unsynced(&log),
        trusted: trusted(&log),
        success: output.status.success(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn strace(command: &Command, log: &Path, calls: &str) -> Command {
    let mut strace = Command::new("strace");
    // All threads, and of other programs that the command starts nothing: those are not ours to disturb.
    strace
        .args(["-f", "-b", "execve", "-qq", "-y", "-s0", "-o"])
        .arg(log);
    strace.arg("-e").arg(format!("trace={calls}"));
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    strace
}

/// Numbers the calls of each thread by name and keeps those that change a file of `world`.
fn parse(log: &str, world: &Path) -> Vec<Call> {
    let world = world.display().to_string();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, args)) = rest.trim_start().split_once('(') else {
            continue;
        };
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            // The end of a call, or of a thread.
            continue;
        }
        let when = counts.entry((thread, name)).or_default();
        *when += 1;
        let opens = name.starts_with("open");
        if args.contains(&world) && (!opens || args.contains("O_CREAT")) {
            calls.insert(Call {
                name: name.to_owned(),
                when: *when,
            });
        }
    }
    calls.into_iter().collect()
}

/// Files of a log whose sync was made to fail; folders are none.
fn unsynced(log: &str) -> Vec<String> {
    let refused = log.lines().filter(|line| {
        line.contains("sync(") && line.contains(" EIO ") && line.contains("(INJECTED)")
    });
    let file = |line: &str| {
        let (_, rest) = line.split_once('<')?;
        Some(rest.split_once('>')?.0.to_owned())
    };
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let half_written = |path: &String| {
        let name = name(path);
        [".new-", ".part", ".slipway-"]
            .iter()
            .any(|mark| name.contains(mark))
    };
    refused.filter_map(file).filter(half_written).collect()
}

/// Files of a log that went on after their sync had failed.
fn trusted(log: &str) -> Vec<String> {
    let goes_on = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let after = log.lines().skip_while(|line| !line.contains("(INJECTED)"));
        let mut others = after.filter(|line| !line.contains("(INJECTED)"));
        others
            .any(|line| line.contains(&format!("/{name}>")) || line.contains(&format!("{name}\",")))
    };
    unsynced(log).into_iter().filter(goes_on).collect()
}

/// Errors that a call of this name meets in life.
pub(crate) fn errnos(call: &str) -> &'static [&'static str] {
    match call {
        "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "sendfile" => {
            &["ENOSPC", "EIO", "EINTR"]
        }
        "open" | "openat" | "openat2" | "creat" => &["EMFILE", "ENOSPC", "EINTR"],
        "fsync" | "fdatasync" => &["EIO", "ENOSPC", "EINTR"],
        "unlink" | "unlinkat" | "rmdir" | "fchmod" => &["EIO"],
        "ftruncate" => &["EIO", "EINTR"],
        _ => &["ENOSPC", "EIO"],
    }
}

/// What the C library calls an error.
pub(crate) fn words(errno: &str) -> &'static str {
    match errno {
        "ENOSPC" => "No space left on device",
        "EIO" => "Input/output error",
        "EINTR" => "Interrupted system call",
        "EMFILE" => "Too many open files",
        _ => unreachable!("the table above has no other"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_goes_on_after_its_sync_failed_is_seen() {
        let refused = "7 fdatasync(4</w/1.part>) = -1 EIO (Input/output error) (INJECTED)\n";
        let check = |then: &str, expected: &[&str]| {
            let log = format!("7 fsync(4</w>) = 0\n{refused}{then}\n");
            assert_eq!(unsynced(&log), ["/w/1.part"]);
            assert_eq!(trusted(&log), expected, "{then}");
        };
        check("7 fdatasync(4</w/1.part>) = 0", &["/w/1.part"]);
        check(
            "7 renameat(3</w>, \"1.part\", 3</w>, \"x\") = 0",
            &["/w/1.part"],
        );
        check("7 fdatasync(4</w/1.part.again>) = 0", &[]);
        check("7 renameat(3</w>, \"1.part.again\", 3</w>, \"x\") = 0", &[]);
        let folder = "7 fsync(4</w>) = -1 EIO (Input/output error) (INJECTED)\n";
        assert!(unsynced(folder).is_empty());
    }

    #[test]
    fn calls_are_numbered_by_thread_and_those_on_other_files_are_left_out() {
        let log = "\
7 openat(AT_FDCWD</>, \"/lib/x\"..., O_RDONLY) = 3</lib/x>
7 openat(AT_FDCWD</>, \"/w/a\"..., O_WRONLY|O_CREAT, 0644) = 3</w/a>
7 write(3</w/a>, \"\"..., 9) = 9
8 write(4</w/b>, \"\"..., 9 <unfinished ...>
7 write(1</dev/null>, \"\"..., 9) = 9
8 <... write resumed>) = 9
8 write(4</w/b>, \"\"..., 9) = 9
8 write(4</w/b>, \"\"..., 9) = 9
8 +++ exited with 0 +++
";
        let call = |name: &str, when| Call {
            name: name.to_owned(),
            when,
        };
        let expected = [
            call("openat", 2),
            call("write", 1),
            call("write", 2),
            call("write", 3),
        ];
        assert_eq!(parse(log, Path::new("/w")), expected);
    }
}
