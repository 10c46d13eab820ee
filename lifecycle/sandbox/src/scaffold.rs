//! The topmost folder of a sandbox's root: mount points and the few files that every sandbox has.
//!
//! It lies in memory, so it works above read-only layers and never shows in a layer's diff.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::ffi::CStr;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, mkdirat, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::Result;
use crate::error::Context;

const LINKS_MAX: u32 = 40;

/// A folder that will be seen above `plain`, the root without it.
pub(crate) struct Scaffold<'a> {
    pub(crate) plain: BorrowedFd<'a>,
    pub(crate) dir: OwnedFd,
}

impl Scaffold<'_> {
    /// Makes sure that something can be mounted at `at`: a folder, or else a file.
    pub(crate) fn mount_point(&self, at: &Path, folder: bool) -> Result<()> {
        let doing = || format!("making the mount point {}", at.display());
        let path = self.resolve(at).doing(doing())?;
        let found = self.kind(&path);
        if folder && found != Some(FileType::Directory) {
            self.directory(&path).doing(doing())?;
        }
        if !folder && !matches!(found, Some(kind) if kind != FileType::Directory) {
            self.create(&path).doing(doing())?;
        }
        Ok(())
    }

    /// Writes a file, in place of whatever the layers have at that name, a link included.
    pub(crate) fn file(&self, at: &Path, bytes: &[u8]) -> Result<()> {
        let doing = || format!("writing {}", at.display());
        let (parent, name) = (
            at.parent().unwrap_or(at),
            at.file_name().unwrap_or_default(),
        );
        let path = self.resolve(parent).doing(doing())?.join(name);
        self.create(&path)
            .doing(doing())?
            .write_all(bytes)
            .doing(doing())
    }

    /// The same name without links, as they are in `plain`; parts that do not exist stay as they are.
    fn resolve(&self, at: &Path) -> rustix::io::Result<PathBuf> {
        let mut rest: VecDeque<OsString> = parts(at).collect();
        let mut path = PathBuf::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                path.pop();
                continue;
            }
            path.push(part);
            let Ok(target) = readlinkat(self.plain, &path, Vec::new()) else {
                continue;
            };
            links += 1;
            if links > LINKS_MAX {
                return Err(Errno::LOOP);
            }
            let target = link_target(&target);
            path.pop();
            if target.is_absolute() {
                path = PathBuf::new();
            }
            for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(part);
            }
        }
        Ok(path)
    }

    fn kind(&self, path: &Path) -> Option<FileType> {
        let stat = statat(self.plain, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    fn create(&self, path: &Path) -> rustix::io::Result<File> {
        self.directory(path.parent().unwrap_or(path))?;
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(&self.dir, path, flags, Mode::from_raw_mode(0o644)).map(File::from)
    }

    /// Makes a folder and those above it; what exists in `plain` keeps its mode when seen through this one.
    fn directory(&self, path: &Path) -> rustix::io::Result<()> {
        let mut above: Vec<&Path> = path
            .ancestors()
            .filter(|path| *path != Path::new(""))
            .collect();
        above.reverse();
        for path in above {
            match mkdirat(&self.dir, path, Mode::from_raw_mode(0o755)) {
                Err(Errno::EXIST) => continue,
                done => done?,
            }
            if let Ok(stat) = statat(self.plain, path, AtFlags::SYMLINK_NOFOLLOW)
                && FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let made = openat(self.dir.as_fd(), path, flags, Mode::empty())?;
                fchmod(&made, Mode::from_raw_mode(stat.st_mode))?;
            }
        }
        Ok(())
    }
}

/// Names on the way, `..` included.
fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn link_target(target: &CStr) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(OsString::from_vec(target.to_bytes().to_vec()))
}
