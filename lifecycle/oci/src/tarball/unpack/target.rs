//! The directory that a tar is unpacked into, and what must be known until its end.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use files::Dir;

use super::{Device, Recorded, Summary, Unpack};
use crate::tarball::whiteout::{Mark, mark};
use crate::tarball::{Header, Kind, Whiteouts, lexical};
use crate::{Error, ErrorKind, Result};

pub(super) struct Target<'a> {
    pub(super) into: &'a Dir,
    pub(super) how: &'a Unpack,
    /// The directory that was written to last, and its path.
    last: Option<(Vec<u8>, Dir)>,
    /// Mode and time that directories get at the end: until then everything in them must be writable.
    dirs: BTreeMap<Vec<u8>, (u32, i64)>,
    /// Paths of this tar, which its own whiteouts spare. Only kept when whiteouts are applied.
    pub(super) ours: BTreeSet<Vec<u8>>,
    summary: Summary,
    /// Bytes of paths in the fields above.
    remembered: usize,
    /// Bytes of content that the disk may take.
    room: u64,
    scratch: Vec<u8>,
}

impl<'a> Target<'a> {
    pub(super) fn new(into: &'a Dir, how: &'a Unpack) -> Result<Target<'a>> {
        let free = into
            .free_bytes()
            .map_err(|error| Error::files("unpacking a layer", error))?;
        Ok(Target {
            into,
            how,
            last: None,
            dirs: BTreeMap::new(),
            ours: BTreeSet::new(),
            summary: Summary::default(),
            remembered: 0,
            room: free - free / 20,
            scratch: vec![0; 128 << 10],
        })
    }

    pub(super) fn entry(&mut self, header: &Header, content: &mut dyn Read) -> Result<()> {
        self.summary.entries += 1;
        let path = header.path()?;
        let during = |error: Error| error.during(format!("unpacking {}", lexical::shown(&path)));
        self.place(&path, header, content).map_err(during)
    }

    fn place(&mut self, path: &[u8], header: &Header, content: &mut dyn Read) -> Result<()> {
        let cut = path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = cut.map_or((&b""[..], path), |cut| (&path[..cut], &path[cut + 1..]));
        if name.is_empty() {
            return match header.kind {
                Kind::Dir => self.remember_dir(path, header),
                _ => Err(Error::malformed("the root is a directory and nothing else")),
            };
        }
        let mark = mark(name)?;
        if mark != Mark::None && self.how.whiteouts == Whiteouts::Refuse {
            return Err(Error::malformed("a whiteout in a tar that is no layer"));
        }
        let dir = self.folder(parent)?;
        let done = match mark {
            Mark::None => self.write(&dir, path, name, header, content),
            Mark::Hides(hidden) => self.hide(&dir, parent, hidden),
            Mark::Opaque => self.hide_all(&dir, parent),
            Mark::Aufs => Ok(()),
        };
        self.last = Some((parent.to_vec(), dir));
        done
    }

    fn write(
        &mut self,
        dir: &Dir,
        path: &[u8],
        name: &[u8],
        header: &Header,
        content: &mut dyn Read,
    ) -> Result<()> {
        self.record(path, header)?;
        if self.how.whiteouts == Whiteouts::Apply {
            self.remember(path.len())?;
            self.ours.insert(path.to_vec());
        }
        let name = Path::new(OsStr::from_bytes(name));
        match header.kind {
            Kind::Dir => {
                self.make_dir(dir, path, name)?;
                return self.remember_dir(path, header);
            }
            Kind::File | Kind::Other(b'7') => {
                let mode = permissions(header) & 0o777;
                let mut file = self.replacing(dir, path, name, || dir.create_file(name, mode))?;
                self.copy(content, &mut file, header)?;
            }
            Kind::Symlink if header.link.is_empty() => {
                return Err(Error::malformed("a link to nothing"));
            }
            Kind::Symlink => {
                let target = Path::new(OsStr::from_bytes(&header.link));
                self.replacing(dir, path, name, || dir.symlink(target, name))?;
            }
            Kind::Hardlink => {
                let existing = self.linked(path, header)?;
                let existing = Path::new(OsStr::from_bytes(&existing));
                let path = Path::new(OsStr::from_bytes(path));
                return self.replacing(dir, path.as_os_str().as_bytes(), name, || {
                    self.into.hard_link(existing, path)
                });
            }
            Kind::Fifo => self.replacing(dir, path, name, || {
                dir.fifo(name, permissions(header) & 0o777)
            })?,
            // Left out, also because device 0:0 would hide a file of a lower layer.
            Kind::Char | Kind::Block => return Ok(()),
            Kind::Global | Kind::Other(_) => {
                return Err(Error::malformed("an entry of unknown type"));
            }
        }
        self.give(dir, name)?;
        dir.set_times(name, header.mtime.seconds).map_err(failed)
    }

    /// A directory is writable for its owner until the end. One that is there already stays.
    fn make_dir(&mut self, parent: &Dir, path: &[u8], name: &Path) -> Result<()> {
        match parent.stat(name).map_err(failed)? {
            Some(stat) if stat.kind == files::Kind::Dir => Ok(()),
            None => self.new_dir(parent, name).map(drop),
            Some(stat) => {
                self.clear(parent, path, name)?;
                let dir = self.new_dir(parent, name)?;
                // The directory is new in this layer: what lower ones have below that name stays hidden.
                if is_whiteout(&stat) {
                    dir.make_opaque(Path::new("")).map_err(failed)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn new_dir(&self, parent: &Dir, name: &Path) -> Result<Dir> {
        let dir = parent.create_dir(name, 0o755).map_err(failed)?;
        self.give(parent, name)?;
        Ok(dir)
    }

    /// Opens a directory of the tree; it and those above it are made when they are missing.
    pub(super) fn folder(&mut self, path: &[u8]) -> Result<Dir> {
        if let Some((last, dir)) = self.last.take().filter(|(last, _)| last == path) {
            let _ = last;
            return Ok(dir);
        }
        let whole = Path::new(OsStr::from_bytes(path));
        match self.into.dir(whole) {
            Err(error)
                if matches!(
                    error.kind(),
                    files::ErrorKind::NotFound | files::ErrorKind::NotDirectory
                ) => {}
            dir => return dir.map_err(failed),
        }
        let mut at = self.into.dir(Path::new("")).map_err(failed)?;
        let mut end = 0;
        for name in path.split(|byte| *byte == b'/') {
            end += name.len() + usize::from(end > 0);
            let name = Path::new(OsStr::from_bytes(name));
            if at
                .stat(name)
                .map_err(failed)?
                .is_none_or(|stat| is_whiteout(&stat))
            {
                self.make_dir(&at, &path[..end], name)?;
            }
            at = at.dir(name).map_err(failed)?;
        }
        Ok(at)
    }

    /// Makes something; what has its name already goes away first.
    fn replacing<T>(
        &self,
        dir: &Dir,
        path: &[u8],
        name: &Path,
        make: impl Fn() -> files::Result<T>,
    ) -> Result<T> {
        match make() {
            Err(error) if error.kind() == files::ErrorKind::Exists => {
                self.clear(dir, path, name)?;
                make().map_err(failed)
            }
            made => made.map_err(failed),
        }
    }

    fn clear(&self, dir: &Dir, path: &[u8], name: &Path) -> Result<()> {
        let is_dir = dir
            .stat(name)
            .map_err(failed)?
            .is_some_and(|stat| stat.kind == files::Kind::Dir);
        if !is_dir {
            return dir.remove_file(name).map_err(failed);
        }
        // A directory of this very tar is no lower layer: two entries contradict each other.
        if self.how.whiteouts != Whiteouts::Apply
            || self.has_ours_below(path)
            || self.dirs.contains_key(path)
        {
            return Err(Error::malformed("it is a directory and something else"));
        }
        dir.remove_tree(name).map_err(failed)
    }

    /// The file a hard link is another name of: earlier in the tar, within the tree, no directory.
    fn linked(&self, path: &[u8], header: &Header) -> Result<Vec<u8>> {
        let existing = header.link_path()?;
        let found = self
            .into
            .stat(Path::new(OsStr::from_bytes(&existing)))
            .map_err(failed)?;
        match found.map(|stat| stat.kind) {
            Some(files::Kind::File | files::Kind::Symlink | files::Kind::Fifo)
                if existing != path =>
            {
                Ok(existing)
            }
            _ => Err(Error::malformed("a hard link to what is no file before it")),
        }
    }

    fn copy(&mut self, content: &mut dyn Read, file: &mut File, header: &Header) -> Result<()> {
        let size = u64::try_from(header.size).unwrap_or(0);
        self.summary.bytes = self.summary.bytes.saturating_add(size);
        if self.summary.bytes > self.room {
            let doing = format!(
                "writing {size} bytes where {} were free at the start",
                self.room
            );
            return Err(Error::new(ErrorKind::NoSpace, doing));
        }
        loop {
            match content
                .read(&mut self.scratch)
                .map_err(|error| Error::io("reading its content", error))?
            {
                0 => return Ok(()),
                count => file
                    .write_all(&self.scratch[..count])
                    .map_err(|error| Error::io("writing its content", error))?,
            }
        }
    }

    pub(super) fn give(&self, dir: &Dir, name: &Path) -> Result<()> {
        match self.how.owner {
            Some((uid, gid)) => dir.set_owner(name, uid, gid).map_err(failed),
            None => Ok(()),
        }
    }

    fn record(&mut self, path: &[u8], header: &Header) -> Result<()> {
        let id = |id: i64| {
            u32::try_from(id).map_err(|_| Error::malformed("an owner that is no user id"))
        };
        let number = |number: i64| {
            u32::try_from(number).map_err(|_| Error::malformed("a device that is none"))
        };
        let device = match header.kind {
            Kind::Char => Some(Device::Char(
                number(header.device.0)?,
                number(header.device.1)?,
            )),
            Kind::Block => Some(Device::Block(
                number(header.device.0)?,
                number(header.device.1)?,
            )),
            _ => None,
        };
        let capabilities = header
            .records
            .get(&b"SCHILY.xattr.security.capability"[..])
            .cloned()
            .unwrap_or_default();
        let (mode, uid, gid) = (permissions(header), id(header.uid)?, id(header.gid)?);
        let plain = (uid, gid, mode & 0o6000, device) == (0, 0, 0, None) && capabilities.is_empty();
        if !plain {
            self.remember(path.len() + capabilities.len())?;
            self.summary.recorded.push(Recorded {
                path: path.to_vec(),
                mode,
                uid,
                gid,
                device,
                capabilities,
            });
        }
        Ok(())
    }

    fn remember_dir(&mut self, path: &[u8], header: &Header) -> Result<()> {
        self.remember(path.len())?;
        self.dirs.insert(
            path.to_vec(),
            (permissions(header) & 0o1777, header.mtime.seconds),
        );
        Ok(())
    }

    fn remember(&mut self, bytes: usize) -> Result<()> {
        // What a path costs besides its bytes.
        const OVERHEAD: usize = 96;
        self.remembered = self.remembered.saturating_add(bytes + OVERHEAD);
        if self.remembered > self.how.limits.remembered {
            let doing = format!(
                "it would take more than {} bytes of memory",
                self.how.limits.remembered
            );
            return Err(Error::new(ErrorKind::TooLarge, doing));
        }
        Ok(())
    }

    /// Whether this tar has an entry below that path.
    pub(super) fn has_ours_below(&self, path: &[u8]) -> bool {
        let below = [path, b"/"].concat();
        self.ours
            .range(below.clone()..)
            .next()
            .is_some_and(|next| next.starts_with(&below))
    }

    /// Directories get their modes and times: inner ones first, since a mode may close what is below.
    pub(super) fn finish(self) -> Result<Summary> {
        for (path, (mode, mtime)) in self.dirs.iter().rev() {
            let path = Path::new(OsStr::from_bytes(path));
            match self.into.stat(path).map_err(failed)? {
                Some(stat) if stat.kind == files::Kind::Dir => {
                    self.into.set_times(path, *mtime).map_err(failed)?;
                    self.into.set_mode(path, *mode).map_err(failed)?;
                }
                // Taken away again by a whiteout or by what came later.
                _ => {}
            }
        }
        Ok(self.summary)
    }
}

pub(super) fn is_whiteout(stat: &files::Stat) -> bool {
    stat.kind == files::Kind::Char && stat.rdev == (0, 0)
}

pub(super) fn failed(error: files::Error) -> Error {
    Error::files("writing below the target folder", error)
}

fn permissions(header: &Header) -> u32 {
    u32::try_from(header.mode & 0o7777).unwrap_or(0)
}
