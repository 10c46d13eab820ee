//! A file system on a recorded disk, mounted through a loop device until it is dropped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use tempfile::TempDir;

use crate::{Disk, Recorder, Result};

/// Large enough for every file system's minimum.
const DISK_BYTES: u64 = 512 << 20;

/// A journaling file system whose tools this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
}

impl FileSystem {
    pub fn name(self) -> &'static str {
        match self {
            FileSystem::Ext4 => "ext4",
            FileSystem::Xfs => "xfs",
            FileSystem::Btrfs => "btrfs",
        }
    }

    /// Without discards, and with everything initialised now instead of in the background.
    fn mkfs(self) -> Command {
        let mut command = Command::new(format!("mkfs.{}", self.name()));
        command.args(match self {
            FileSystem::Ext4 => &[
                "-q",
                "-F",
                "-b4096",
                "-Jsize=8",
                "-Enodiscard,lazy_itable_init=0,lazy_journal_init=0",
            ][..],
            FileSystem::Xfs | FileSystem::Btrfs => &["-q", "-f", "-K"],
        });
        command
    }

    /// Commits every second where that can be said: more moments at which something is half durable.
    fn mount_options(self) -> &'static str {
        match self {
            FileSystem::Ext4 | FileSystem::Btrfs => "loop,commit=1,nodiscard",
            FileSystem::Xfs => "loop",
        }
    }
}

impl FromStr for FileSystem {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<FileSystem, String> {
        [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs]
            .into_iter()
            .find(|file_system| file_system.name() == name)
            .ok_or_else(|| format!("{name}: the rig knows ext4, xfs and btrfs"))
    }
}

/// A disk with a mounted file system.
pub struct Mounted {
    pub recorder: Recorder,
    root: PathBuf,
    _scratch: TempDir,
}

impl Mounted {
    /// A new file system of this kind.
    pub fn fresh(kind: FileSystem) -> Result<Mounted> {
        Mounted::on(Disk::empty(DISK_BYTES), kind, true)
    }

    /// The file system on a disk, recovered as after a power loss; fails when the kernel cannot.
    pub fn recovered(disk: Disk, kind: FileSystem) -> Result<Mounted> {
        Mounted::on(disk, kind, false)
    }

    fn on(disk: Disk, kind: FileSystem, fresh: bool) -> Result<Mounted> {
        let scratch = tempfile::tempdir()?;
        let (served, root) = (scratch.path().join("disk"), scratch.path().join("root"));
        std::fs::create_dir(&served)?;
        std::fs::create_dir(&root)?;
        let recorder = Recorder::serve(disk, &served)?;
        if fresh {
            run(kind.mkfs().arg(recorder.file()))?;
        }
        let mut mount = Command::new("mount");
        mount.args(["-t", kind.name(), "-o", kind.mount_options()]);
        run(mount.arg(recorder.file()).arg(&root))?;
        Ok(Mounted {
            recorder,
            root,
            _scratch: scratch,
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("umount").arg(&self.root)) {
            eprintln!("{error}");
            // Whoever still uses it keeps it; the mount namespace ends with us.
            let _ = run(Command::new("umount").arg("-l").arg(&self.root));
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .map_err(|error| format!("starting {}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, text.trim()).into())
}
