//! The source folder becomes the application folder of a build: a copy with settled modes and times.
//!
//! Owners, umask and times of the checkout must not show in the image, so files are 0755 or 0644 by their
//! x bit, folders 0755, and all times are the one constant of our layers. Links are copied as links;
//! nothing outside the folder is read.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use files::{Dir, Kind};

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::leave_out::left_out;

/// What was copied, and what was not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Copied {
    pub files: u64,
    pub bytes: u64,
    /// Names relative to the source folder, in the order of the walk.
    pub left_out: Vec<PathBuf>,
    /// Sockets and device nodes, which an image cannot hold.
    pub special: Vec<PathBuf>,
}

/// Seconds since 1970: 1980-01-01T00:00:01Z, as in every layer.
const TIME: i64 = 315_532_801;
/// More unreadable files than this are not named one by one.
const NAMED: usize = 10;

/// Copies `source` into the empty folder `into`. `without` are folders that are left out wherever they lie.
///
/// Files that cannot be read are an error that names the first ten, never a smaller image.
pub(crate) fn copy(source: &Path, into: &Path, without: &[&Path]) -> Result<Copied> {
    let without = without.iter().filter_map(|dir| identity(dir)).collect();
    Walk {
        whole: false,
        without,
        ..Walk::default()
    }
    .run(source, into)
}

/// Copies a folder of the user as [`copy`] does, leaving nothing out.
pub(crate) fn copy_whole(source: &Path, into: &Path) -> Result<Copied> {
    Walk {
        whole: true,
        ..Walk::default()
    }
    .run(source, into)
}

/// Opens a source folder, with an error for those who mistyped it.
fn open(source: &Path) -> Result<Dir> {
    let kind = std::fs::metadata(source);
    let failed = |what: &str| Error::new(ErrorKind::Source, format!("{} {what}", source.display()));
    match kind {
        Ok(found) if found.is_dir() => {
            Dir::open(source).doing(format!("opening {}", source.display()))
        }
        Ok(_) => Err(failed("is not a folder").help("give the folder that holds the application")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(failed("does not exist")
            .help("give the folder that holds the application, or run from inside it")),
        Err(error) => Err(failed("cannot be opened").because(error)),
    }
}

/// Device and inode, which name a folder however its path is written.
fn identity(dir: &Path) -> Option<(u64, u64)> {
    Dir::open(dir)
        .ok()?
        .stat(Path::new(""))
        .ok()?
        .map(|stat| stat.id)
}

#[derive(Default)]
struct Walk {
    /// Nothing is left out.
    whole: bool,
    /// Device and inode of folders that are left out.
    without: Vec<(u64, u64)>,
    copied: Copied,
    unreadable: Vec<(PathBuf, files::Error)>,
}

impl Walk {
    fn run(mut self, source: &Path, into: &Path) -> Result<Copied> {
        let from = open(source)?;
        let to = Dir::open(into).doing(format!("opening {}", into.display()))?;
        self.folder(&from, &to, Path::new(""))?;
        self.finish(source)
    }

    fn folder(&mut self, from: &Dir, to: &Dir, at: &Path) -> Result<()> {
        for entry in from.entries().doing("listing the source")? {
            let name = Path::new(&entry.name);
            let path = at.join(name);
            if !self.whole && left_out(from, &entry.name) {
                self.copied.left_out.push(path);
                continue;
            }
            match entry.kind {
                Kind::Dir => self.child(from, to, name, path)?,
                Kind::File => self.file(from, to, name, path)?,
                Kind::Symlink => link(from, to, name)?,
                Kind::Fifo => to
                    .fifo(name, 0o644)
                    .doing("copying a named pipe of the source")?,
                Kind::Socket | Kind::Char | Kind::Block => self.copied.special.push(path),
            }
        }
        to.set_times(Path::new(""), TIME)
            .doing("copying the source")
    }

    fn child(&mut self, from: &Dir, to: &Dir, name: &Path, path: PathBuf) -> Result<()> {
        let below = match from.dir(name) {
            Ok(below) => below,
            Err(error) => {
                self.unreadable.push((path, error));
                return Ok(());
            }
        };
        let stat = below.stat(Path::new("")).doing("looking at the source")?;
        if stat.is_some_and(|stat| self.without.contains(&stat.id)) {
            self.copied.left_out.push(path);
            return Ok(());
        }
        if let Err(error) = below.entries() {
            self.unreadable.push((path, error));
            return Ok(());
        }
        let made = to.create_dir(name, 0o755).doing("copying the source")?;
        self.folder(&below, &made, &path)
    }

    fn file(&mut self, from: &Dir, to: &Dir, name: &Path, path: PathBuf) -> Result<()> {
        let file = match from.file(name) {
            Ok(file) => file,
            Err(error) => {
                self.unreadable.push((path, error));
                return Ok(());
            }
        };
        let stat = files::Stat::of(&file).doing(format!("looking at {}", path.display()))?;
        let mode = if stat.mode & 0o111 == 0 { 0o644 } else { 0o755 };
        let new = to.create_file(name, mode).doing("copying the source")?;
        self.copied.bytes += contents(file, new).doing(format!("copying {}", path.display()))?;
        self.copied.files += 1;
        to.set_times(name, TIME).doing("copying the source")
    }

    fn finish(mut self, source: &Path) -> Result<Copied> {
        let count = self.unreadable.len();
        if count == 0 {
            return Ok(self.copied);
        }
        let names: Vec<String> = self
            .unreadable
            .iter()
            .take(NAMED)
            .map(|(path, _)| path.display().to_string())
            .collect();
        let more = if count > NAMED {
            format!(" and {} more", count - NAMED)
        } else {
            String::new()
        };
        let doing = format!(
            "reading the source {}: {}{more}",
            source.display(),
            names.join(", ")
        );
        let (_, first) = self.unreadable.swap_remove(0);
        Err(Error::new(ErrorKind::Source, doing).because(first).help(
            "make these files readable, or move what the application does not need elsewhere",
        ))
    }
}

fn link(from: &Dir, to: &Dir, name: &Path) -> Result<()> {
    let target = from.read_link(name).doing("reading a link of the source")?;
    to.symlink(&target, name)
        .doing("copying a link of the source")?;
    to.set_times(name, TIME).doing("copying the source")
}

/// Copies through the kernel where the file systems can share blocks.
fn contents(mut from: File, mut to: File) -> io::Result<u64> {
    io::copy(&mut from, &mut to)
}

/// The first names of a source folder, for messages: at most `limit`, sorted, and whether there are more.
pub fn names(source: &Path, limit: usize) -> (Vec<OsString>, bool) {
    let Ok(entries) = Dir::open(source).and_then(|dir| dir.entries()) else {
        return (Vec::new(), false);
    };
    let more = entries.len() > limit;
    (
        entries
            .into_iter()
            .take(limit)
            .map(|entry| entry.name)
            .collect(),
        more,
    )
}

#[cfg(test)]
mod tests;
