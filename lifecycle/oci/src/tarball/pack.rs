//! Entries become a tar, its diff id, a gzip blob and its digest in one pass on all cores.

mod output;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use files::{Dir, Stat};

use super::{Content, Entry, Header, Node};
use crate::{Error, ErrorKind, Layer, Result, Store};

pub(crate) use output::Output;

const BLOCK: usize = 512;
/// Files up to this size are read before their header is written, so that one that changed can be read again.
const WHOLE: u64 = 1 << 20;
/// Others are read in pieces of this size.
const PIECE: usize = 256 << 10;

/// A layer, and what of the source is not in it.
#[derive(Debug)]
pub struct Packed {
    pub layer: Layer,
    /// Sockets, which no tar can hold: absolute paths in the image.
    pub skipped: Vec<Vec<u8>>,
}

/// Packs entries in the order they come. The blob is in `into` on return; on failure nothing is.
///
/// Files are read once, with their size at that moment. Fails with `Changed`, naming the file, when one changes while it
/// is read: for files of up to 1 MiB only when that happens twice.
pub fn pack(
    entries: &mut dyn Iterator<Item = Result<Entry>>,
    into: &Arc<dyn Store>,
) -> Result<Layer> {
    let mut tar = Writer::new(into)?;
    let mut result = Ok(());
    for entry in entries {
        result = entry.and_then(|entry| tar.entry(&entry));
        if result.is_err() {
            break;
        }
    }
    match result {
        Ok(()) => tar.finish(),
        Err(error) => Err(tar.abandon(error)),
    }
}

/// Writes a tar into the pipeline that makes a layer of it.
pub(crate) struct Writer {
    out: Output,
    /// The content of a small file, or a piece of a large one, and what was there before.
    scratch: Vec<u8>,
    /// Of the file before: its neighbours are opened by their name alone.
    folder: Option<Folder>,
}

/// An open folder below another one.
struct Folder {
    above: Arc<Dir>,
    path: PathBuf,
    dir: Dir,
}

impl Writer {
    pub(crate) fn new(into: &Arc<dyn Store>) -> Result<Writer> {
        Ok(Writer {
            out: Output::new(into)?,
            scratch: Vec::new(),
            folder: None,
        })
    }

    pub(crate) fn entry(&mut self, entry: &Entry) -> Result<()> {
        let header = Header::of(entry);
        match &entry.node {
            Node::File(Content::Bytes(bytes)) => {
                self.header(&header)?;
                self.whole(bytes)
            }
            Node::File(Content::Beneath { dir, path, .. }) => self.file(header, dir, path),
            _ => self.header(&header),
        }
    }

    pub(crate) fn header(&mut self, header: &Header) -> Result<()> {
        self.out.entry(&header.name)?;
        self.out.write(&header.to_bytes()?)
    }

    /// The content of the header before.
    fn whole(&mut self, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64;
        self.out.payload(size)?;
        self.out.write(bytes)?;
        self.pad(size)
    }

    /// Copies exactly `size` bytes as the content of the header before.
    pub(crate) fn content(&mut self, from: &mut dyn Read, size: u64) -> std::io::Result<()> {
        self.out.payload(size)?;
        self.scratch.resize(self.scratch.len().max(PIECE), 0);
        let mut left = size;
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let count = from.read(&mut self.scratch[..room])?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.out.write(&self.scratch[..count])?;
            left -= count as u64;
        }
        Ok(self.pad(size)?)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        let used = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if used == 0 {
            Ok(())
        } else {
            self.out.write(&[0; BLOCK][used..])
        }
    }

    fn file(&mut self, mut header: Header, dir: &Arc<Dir>, path: &Path) -> Result<()> {
        let name = || format!("packing {}", dir.path().join(path).display());
        let unopened = |error| vanished(Error::files(name(), error));
        let unread = |error| Error::io(name(), error);
        let (mut file, mut stat) = self.open(dir, path).map_err(unopened)?;
        if stat.size <= WHOLE {
            let mut content = self.read_whole(&file, &stat).map_err(unread)?;
            if content.is_none() {
                self.folder = None;
                (file, stat) = self.open(dir, path).map_err(unopened)?;
                if stat.size <= WHOLE {
                    content = self.read_whole(&file, &stat).map_err(unread)?;
                }
            }
            let bytes = content.ok_or_else(|| changed(name()))?;
            header.size = i64::try_from(stat.size).unwrap_or(i64::MAX);
            self.header(&header)?;
            let content = std::mem::take(&mut self.scratch);
            self.whole(&content[..bytes])?;
            self.scratch = content;
            return Ok(());
        }
        header.size = i64::try_from(stat.size)
            .map_err(|error| Error::new(ErrorKind::TooLarge, name()).because(error))?;
        self.header(&header)?;
        match self.content(&mut file, stat.size) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(changed(name()));
            }
            result => result.map_err(|error| Error::io(name(), error))?,
        }
        if is_same(&file, &stat).map_err(|error| Error::files(name(), error))? {
            Ok(())
        } else {
            Err(changed(name()))
        }
    }

    fn open(&mut self, dir: &Arc<Dir>, path: &Path) -> files::Result<(File, Stat)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return dir.file_and_stat(path);
        };
        let folder = match self.folder.take() {
            Some(folder) if Arc::ptr_eq(&folder.above, dir) && folder.path == parent => folder,
            _ => Folder {
                above: Arc::clone(dir),
                path: parent.to_owned(),
                dir: dir.dir(parent)?,
            },
        };
        self.folder
            .insert(folder)
            .dir
            .file_and_stat(Path::new(name))
    }

    /// Reads a file to the start of `scratch` and says how many bytes it has; `None` when it changed meanwhile.
    fn read_whole(&mut self, mut file: &File, stat: &Stat) -> std::io::Result<Option<usize>> {
        let bytes = usize::try_from(stat.size).unwrap_or(usize::MAX);
        self.scratch.resize(self.scratch.len().max(bytes), 0);
        match file.read_exact(&mut self.scratch[..bytes]) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        // That nothing was added is in its size.
        let is_same = is_same(file, stat).map_err(std::io::Error::other)?;
        Ok(is_same.then_some(bytes))
    }

    pub(crate) fn finish(mut self) -> Result<Layer> {
        self.out.write(&[0; 2 * BLOCK])?;
        self.out.finish()
    }

    /// Nothing is kept. An error of the threads is the cause of what went wrong here, so it wins.
    pub(crate) fn abandon(self, error: Error) -> Error {
        self.out.abandon().unwrap_or(error)
    }
}

fn is_same(file: &File, before: &Stat) -> files::Result<bool> {
    let now = Stat::of(file)?;
    Ok((now.size, now.mtime, now.mtime_nanos) == (before.size, before.mtime, before.mtime_nanos))
}

fn changed(doing: String) -> Error {
    Error::new(
        ErrorKind::Changed,
        format!("{doing}: it changed while it was read"),
    )
}

/// A file whose name was there a moment ago and that is gone, or no file any more, has changed.
fn vanished(error: Error) -> Error {
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Malformed) {
        return Error::new(ErrorKind::Changed, error.to_string()).because(error);
    }
    error
}
