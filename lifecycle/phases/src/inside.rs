//! Reads what lies in the build environment by its names there, also when its root is a folder of this machine.
//!
//! Links are followed as the build environment would follow them and never lead out of the root. Every
//! single file is opened through `files`: regular files only, read up to a limit.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use cnb::EnvDir;
use files::{Dir, Kind, Stat};

use crate::limits::{ENV_BYTES, ENV_FILES};
use crate::{Error, ErrorKind, Result};

/// As many links as Linux follows in one name.
const LINKS: usize = 40;

/// The root of a build environment.
#[derive(Debug)]
pub(crate) struct Inside {
    root: Dir,
}

impl Inside {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let root = Dir::open(root).map_err(|cause| failed("opening", root, cause))?;
        Ok(Self { root })
    }

    /// Opens a folder. `None` when it is absent or no folder.
    pub(crate) fn folder(&self, name: &Path) -> Result<Option<Dir>> {
        let Some((beneath, stat)) = self.resolve(name)? else {
            return Ok(None);
        };
        if stat.kind != Kind::Dir {
            return Ok(None);
        }
        let dir = self
            .root
            .dir(&beneath)
            .map_err(|cause| failed("opening", name, cause))?;
        Ok(Some(dir))
    }

    /// Opens a folder in a folder without following a link of that name. `None` when it is absent.
    pub(crate) fn folder_in(&self, parent: &Path, name: &str) -> Result<Option<Dir>> {
        let Some(parent_dir) = self.folder(parent)? else {
            return Ok(None);
        };
        match parent_dir.dir(Path::new(name)) {
            Err(cause) if cause.kind() == files::ErrorKind::NotFound => Ok(None),
            folder => folder
                .map(Some)
                .map_err(|cause| failed("opening", &parent.join(name), cause)),
        }
    }

    /// Looks at what a name stands for. `None` when it is absent or a link leads nowhere.
    pub(crate) fn stat(&self, name: &Path) -> Result<Option<Stat>> {
        Ok(self.resolve(name)?.map(|(_, stat)| stat))
    }

    /// Whether anything has that name, as a program would see it.
    pub(crate) fn exists(&self, name: &Path) -> bool {
        matches!(self.stat(name), Ok(Some(_)))
    }

    /// Whether names here are names on this machine.
    pub(crate) fn is_this_machine(&self) -> bool {
        self.root.path() == Path::new("/")
    }

    /// Reads the first line of a file, up to a limit. `None` when the file is absent.
    pub(crate) fn first_line(&self, name: &Path, limit: usize) -> Result<Option<Vec<u8>>> {
        let Some((beneath, _)) = self.resolve(name)? else {
            return Ok(None);
        };
        let file = self
            .root
            .file(&beneath)
            .map_err(|cause| failed("opening", name, cause))?;
        let mut begin = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut begin).map_err(|cause| {
            Error::new(ErrorKind::Io, format!("reading {}", name.display())).because(cause)
        })?;
        let end = begin
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(begin.len());
        begin.truncate(end);
        Ok(Some(begin))
    }

    /// Reads a file. `None` when it is absent or a link leads nowhere.
    pub(crate) fn read(&self, name: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some((beneath, _)) = self.resolve(name)? else {
            return Ok(None);
        };
        self.root
            .read(&beneath, limit)
            .map_err(|cause| failed("reading", name, cause))
    }

    /// Reads a text file likewise.
    pub(crate) fn text(&self, name: &Path, limit: u64) -> Result<Option<String>> {
        self.read(name, limit)?
            .map(|bytes| utf8(bytes, name))
            .transpose()
    }

    /// Reads the variables of an `env` folder: links followed, folders left out, contents as they are.
    ///
    /// A link that leads nowhere is an error, as in the Go lifecycle (EV-2).
    pub(crate) fn env_dir(&self, name: &Path) -> Result<EnvDir> {
        self.env_dir_within(name, &[Path::new("/")])
    }

    /// As [`env_dir`](Self::env_dir) of a folder that a buildpack made: what links lead to must lie in one of the folders.
    ///
    /// The lifecycle may read more than that buildpack, and what it reads here later buildpacks see.
    pub(crate) fn env_dir_within(&self, name: &Path, folders: &[&Path]) -> Result<EnvDir> {
        let mut variables = EnvDir::new();
        let Some(dir) = self.folder(name)? else {
            return Ok(variables);
        };
        let entries = dir
            .entries()
            .map_err(|cause| failed("listing", name, cause))?;
        if entries.len() > ENV_FILES {
            let doing = format!("{} has more than {ENV_FILES} files", name.display());
            return Err(Error::new(ErrorKind::Refused, doing));
        }
        for entry in entries {
            let file = name.join(&entry.name);
            let Some((beneath, stat)) = self.resolve(&file)? else {
                let doing = format!("{} leads nowhere", file.display());
                return Err(Error::new(ErrorKind::Io, doing));
            };
            if stat.kind == Kind::Dir {
                continue;
            }
            let target = Path::new("/").join(&beneath);
            if !folders.iter().any(|folder| target.starts_with(folder)) {
                let doing = format!("{} leads to {}", file.display(), target.display());
                return Err(Error::new(ErrorKind::Refused, doing));
            }
            let value = self
                .root
                .read(&beneath, ENV_BYTES)
                .map_err(|cause| failed("reading", &file, cause))?;
            variables.insert(entry.name, bytes(value.unwrap_or_default()));
        }
        Ok(variables)
    }

    /// Follows all links of a name. The result is relative to the root and free of links.
    fn resolve(&self, name: &Path) -> Result<Option<(PathBuf, Stat)>> {
        let stat_of = |beneath: &Path| {
            self.root
                .stat(beneath)
                .map_err(|cause| failed("looking at", name, cause))
        };
        let mut ahead: VecDeque<OsString> = parts(name).collect();
        let mut at = PathBuf::new();
        let mut links = 0;
        while let Some(part) = ahead.pop_front() {
            if part == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&part);
            let Some(stat) = stat_of(&next)? else {
                return Ok(None);
            };
            if stat.kind != Kind::Symlink {
                at = next;
                continue;
            }
            links += 1;
            if links > LINKS {
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!("{} goes through too many links", name.display()),
                ));
            }
            let target = self
                .root
                .read_link(&next)
                .map_err(|cause| failed("following", name, cause))?;
            if target.is_absolute() {
                at.clear();
            }
            for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                ahead.push_front(part);
            }
        }
        Ok(stat_of(&at)?.map(|stat| (at, stat)))
    }
}

/// Names and `..` of a path; the root and `.` left out.
fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn bytes(value: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(value)
}

/// What was read as text; fails with [`ErrorKind::Format`] when it is not UTF-8.
pub(crate) fn utf8(bytes: Vec<u8>, name: &Path) -> Result<String> {
    String::from_utf8(bytes).map_err(|cause| {
        Error::new(ErrorKind::Format, format!("reading {}", name.display())).because(cause)
    })
}

/// Wraps an error about a file, keeping apart what was refused and what did not work.
pub(crate) fn failed(doing: &str, name: &Path, cause: files::Error) -> Error {
    use files::ErrorKind as Kind;
    let kind = match cause.kind() {
        Kind::Escapes | Kind::NotRegular | Kind::TooLarge => ErrorKind::Refused,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{doing} {}", name.display())).because(cause)
}
