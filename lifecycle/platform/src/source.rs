//! The source folder becomes the application folder of a build: a copy with settled modes and times.
//!
//! Owners, umask and times of the checkout must not show in the image, so files are 0755 or 0644 by their
//! x bit, folders 0755, and all times are the one constant of our layers. Links are copied as links;
//! nothing outside the folder is read.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use files::{Dir, Entry, Kind};
use oci::Digest;

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::leave_out::left_out;
use crate::memory::Memory;
use crate::sum::Sum;
use crate::why::SourceParts;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Names relative to the source folder, in the order of the walk.
    pub(crate) left_out: Vec<PathBuf>,
    /// Sockets and device nodes, which an image cannot hold.
    pub(crate) special: Vec<PathBuf>,
    /// Of everything that a build sees: names, kinds, contents, x bits, where links point. Owners and times are not in it.
    pub(crate) digest: Digest,
    /// What is in the digest one by one, but folders; only when it was copied.
    pub(crate) parts: SourceParts,
}

/// Seconds since 1970: 1980-01-01T00:00:01Z, as in every layer.
const TIME: i64 = 315_532_801;
/// More unreadable files than this are not named one by one.
const NAMED: usize = 10;

/// Copies `source` into the empty folder `into`. `without` are folders that are left out wherever they lie.
///
/// Files that cannot be read are an error that names the first ten, never a smaller image.
pub(crate) fn copy(
    source: &Path,
    into: &Path,
    without: &[&Path],
    memory: &mut Memory,
) -> Result<Found> {
    let to = Dir::open(into).doing(format!("opening {}", into.display()))?;
    Walk::of(source, memory)
        .without(without)
        .run(source, Some(&to))
}

/// Copies a folder of the user as [`copy`] does, leaving nothing out.
pub(crate) fn copy_whole(source: &Path, into: &Path, memory: &mut Memory) -> Result<Found> {
    let to = Dir::open(into).doing(format!("opening {}", into.display()))?;
    Walk::of(source, memory).run(source, Some(&to))
}

/// What [`copy`] would find, reading only the files that are not remembered.
pub(crate) fn look(source: &Path, without: &[&Path], memory: &mut Memory) -> Result<Found> {
    Walk::of(source, memory).without(without).run(source, None)
}

/// What [`copy_whole`] would find.
pub(crate) fn look_whole(source: &Path, memory: &mut Memory) -> Result<Found> {
    Walk::of(source, memory).run(source, None)
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

struct Walk<'a> {
    memory: &'a mut Memory,
    /// The folder as the memory knows it.
    root: PathBuf,
    /// Nothing is left out.
    whole: bool,
    /// Device and inode of folders that are left out.
    without: Vec<(u64, u64)>,
    found: Found,
    sum: Sum,
    unreadable: Vec<(PathBuf, files::Error)>,
}

impl<'a> Walk<'a> {
    fn of(source: &Path, memory: &'a mut Memory) -> Walk<'a> {
        Walk {
            memory,
            // The same folder has one name, wherever it is called from.
            root: source.canonicalize().unwrap_or_else(|_| source.to_owned()),
            whole: true,
            without: Vec::new(),
            found: Found {
                files: 0,
                bytes: 0,
                left_out: Vec::new(),
                special: Vec::new(),
                digest: Digest::of(b""),
                parts: SourceParts::default(),
            },
            sum: Sum::default(),
            unreadable: Vec::new(),
        }
    }

    /// The walk that leaves out what never goes into a build, and some folders besides.
    fn without(self, folders: &[&Path]) -> Walk<'a> {
        Walk {
            whole: false,
            without: folders.iter().filter_map(|dir| identity(dir)).collect(),
            ..self
        }
    }

    /// Walks, and copies if `to` is there.
    fn run(mut self, source: &Path, to: Option<&Dir>) -> Result<Found> {
        let from = open(source)?;
        let entries = from.entries().doing("listing the source")?;
        self.folder(&from, entries, to, Path::new(""))?;
        self.finish(source)
    }

    fn folder(
        &mut self,
        from: &Dir,
        entries: Vec<Entry>,
        to: Option<&Dir>,
        at: &Path,
    ) -> Result<()> {
        for entry in entries {
            let name = Path::new(&entry.name);
            let path = at.join(name);
            if !self.whole && left_out(from, &entry.name) {
                self.found.left_out.push(path);
                continue;
            }
            match entry.kind {
                Kind::Dir => self.child(from, to, name, path)?,
                Kind::File => self.file(from, to, name, path)?,
                Kind::Symlink => self.link(from, to, name, &path)?,
                Kind::Fifo => self.fifo(to, name, &path)?,
                Kind::Socket | Kind::Char | Kind::Block => self.found.special.push(path),
            }
        }
        settle(to, Path::new(""))
    }

    fn child(&mut self, from: &Dir, to: Option<&Dir>, name: &Path, path: PathBuf) -> Result<()> {
        let opened = from.dir(name).and_then(|below| {
            let entries = below.entries()?;
            Ok((below, entries))
        });
        let (below, entries) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.unreadable.push((path, error));
                return Ok(());
            }
        };
        let stat = below.stat(Path::new("")).doing("looking at the source")?;
        if stat.is_some_and(|stat| self.without.contains(&stat.id)) {
            self.found.left_out.push(path);
            return Ok(());
        }
        self.note("folder", &path, b"");
        let made = to
            .map(|to| to.create_dir(name, 0o755))
            .transpose()
            .doing("copying the source")?;
        self.folder(&below, entries, made.as_ref(), &path)
    }

    fn file(&mut self, from: &Dir, to: Option<&Dir>, name: &Path, path: PathBuf) -> Result<()> {
        let known = match to {
            None => self.remembered(from, name, &path)?,
            Some(_) => None,
        };
        let (kind, bytes, digest) = match known {
            Some(known) => known,
            None => match from.file(name) {
                Ok(file) => self.contents(file, to, name, &path)?,
                Err(error) => {
                    self.unreadable.push((path, error));
                    return Ok(());
                }
            },
        };
        self.found.files += 1;
        self.found.bytes += bytes;
        let more = digest.hex();
        self.note(kind.word(), &path, more.as_bytes());
        if to.is_some() {
            self.found.parts.put(&path, kind.word(), more.as_bytes());
        }
        settle(to, name)
    }

    /// A file that need not even be opened.
    fn remembered(&mut self, from: &Dir, name: &Path, path: &Path) -> Result<Option<Contents>> {
        let stat = from.stat(name).doing("looking at the source")?;
        Ok(stat
            .filter(|stat| stat.kind == Kind::File)
            .and_then(|stat| {
                let digest = self.memory.recall(&self.root.join(path), &stat)?;
                Some((Executable::of(&stat), stat.size, digest))
            }))
    }

    fn contents(
        &mut self,
        mut file: File,
        to: Option<&Dir>,
        name: &Path,
        path: &Path,
    ) -> Result<Contents> {
        let stat = files::Stat::of(&file).doing(format!("looking at {}", path.display()))?;
        let executable = Executable::of(&stat);
        let mut new = to
            .map(|to| to.create_file(name, executable.mode()))
            .transpose()
            .doing("copying the source")?;
        let (bytes, digest) = self
            .memory
            .read(&self.root.join(path), &mut file, new.as_mut())
            .doing(format!("copying {}", path.display()))?;
        Ok((executable, bytes, digest))
    }

    fn link(&mut self, from: &Dir, to: Option<&Dir>, name: &Path, path: &Path) -> Result<()> {
        let target = from.read_link(name).doing("reading a link of the source")?;
        self.note("link", path, target.as_os_str().as_bytes());
        if let Some(to) = to {
            let more = target.as_os_str().as_bytes();
            self.found.parts.put(path, "link", more);
            to.symlink(&target, name)
                .doing("copying a link of the source")?;
        }
        settle(to, name)
    }

    fn fifo(&mut self, to: Option<&Dir>, name: &Path, path: &Path) -> Result<()> {
        self.note("pipe", path, b"");
        to.map_or(Ok(()), |to| to.fifo(name, 0o644))
            .doing("copying a named pipe of the source")
    }

    fn note(&mut self, kind: &str, path: &Path, more: &[u8]) {
        let parts = [kind.as_bytes(), path.as_os_str().as_bytes(), more];
        self.sum.list(parts.into_iter());
    }

    fn finish(mut self, source: &Path) -> Result<Found> {
        let count = self.unreadable.len();
        if count == 0 {
            let digest = self.sum.finish();
            return Ok(Found {
                digest,
                ..self.found
            });
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

/// A file's x bit, size in bytes and digest.
type Contents = (Executable, u64, Digest);

/// Whether a file's owner, group or anybody else may execute it.
#[derive(Clone, Copy)]
struct Executable(bool);

impl Executable {
    fn of(stat: &files::Stat) -> Executable {
        Executable(stat.mode & 0o111 != 0)
    }

    fn mode(self) -> u32 {
        if self.0 { 0o755 } else { 0o644 }
    }

    fn word(self) -> &'static str {
        if self.0 { "program" } else { "file" }
    }
}

/// Gives a copy the one time of everything in our images.
fn settle(to: Option<&Dir>, name: &Path) -> Result<()> {
    to.map_or(Ok(()), |to| to.set_times(name, TIME))
        .doing("copying the source")
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
