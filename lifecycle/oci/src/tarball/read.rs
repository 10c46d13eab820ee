//! Our own interpreter of tar files: what Go's `archive/tar` accepts and nothing more, within limits.
//!
//! That two readers see different files in one layer is an attack (`docs/design/reliability-security.md` 2.6), so this one follows
//! the reader that containerd, docker, podman and the Go lifecycle share, case by case.

mod block;
mod records;
mod sparse;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, BufReader, Read};

use super::header::{Format, Header, Kind, SPECIAL, Time};
use crate::{Error, ErrorKind, Result, limits};

use block::{BLOCK, Block};
use sparse::Pieces;

/// How much of a tar is believed. `Default` gives the limits of the whole project.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the tar, and of all contents together.
    pub bytes: u64,
    pub entries: u64,
    /// Bytes of a path, of a link target.
    pub path: usize,
    /// Bytes of one name in a path.
    pub component: usize,
    /// Bytes kept in memory about entries (directory modes, owners) while unpacking.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: limits::LAYER_BYTES,
            entries: limits::LAYER_ENTRIES,
            path: limits::PATH_BYTES,
            component: limits::COMPONENT_BYTES,
            remembered: limits::REMEMBERED_BYTES,
        }
    }
}

/// Calls `each` for every entry of an uncompressed tar, with its content; content that is not read is skipped.
///
/// Reads the stream to its end, so that a digest checked there is checked. Global PAX headers are left out, as Go does when
/// it extracts. Fails with `Malformed` where Go's reader refuses, with `TooLarge` beyond a limit.
pub fn read(
    tar: &mut dyn Read,
    limits: &Limits,
    each: &mut dyn FnMut(&Header, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader::new(tar, limits);
    while let Some(header) = reader.next()? {
        if header.kind != Kind::Global {
            each(&header, &mut reader.body)?;
        }
    }
    reader.drain()
}

/// Goes through a tar entry by entry.
pub(crate) struct Reader<'a> {
    limits: Limits,
    headers: u64,
    content_bytes: u64,
    pub body: Body<'a>,
}

/// The content of the entry the reader is at.
pub(crate) struct Body<'a> {
    from: BufReader<io::Take<&'a mut dyn Read>>,
    /// Bytes that are left in the tar.
    left: u64,
    /// Bytes up to the next block after them.
    padding: usize,
    /// For a sparse file: what is data and what is not.
    pieces: Option<Pieces>,
}

/// What came before an entry to say more about it.
#[derive(Default)]
struct Before {
    records: Option<records::Records>,
    name: Vec<u8>,
    link: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(tar: &'a mut dyn Read, limits: &Limits) -> Reader<'a> {
        // One byte more than allowed tells a tar that is too long from one that ends.
        let from = BufReader::with_capacity(128 << 10, tar.take(limits.bytes.saturating_add(1)));
        let body = Body {
            from,
            left: 0,
            padding: 0,
            pieces: None,
        };
        Reader {
            limits: *limits,
            headers: 0,
            content_bytes: 0,
            body,
        }
    }

    /// The next entry; `None` at the end. What is left of the content before is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Header>> {
        let header = self.next_unchecked()?;
        if let Some(header) = &header {
            self.check(header)?;
        }
        Ok(header)
    }

    fn next_unchecked(&mut self) -> Result<Option<Header>> {
        let mut formats = Format::UNKNOWN
            .or(Format::USTAR)
            .or(Format::PAX)
            .or(Format::GNU);
        let mut before = Before::default();
        loop {
            if !self.body.skip().map_err(|error| self.failed(error))? {
                return Ok(None);
            }
            let Some(block) = self.body.block().map_err(|error| self.failed(error))? else {
                return Ok(None);
            };
            self.headers += 1;
            if self.headers > self.limits.entries.saturating_mul(2) {
                return Err(Self::too_large(format!(
                    "more than {} entries",
                    self.limits.entries
                )));
            }
            let (header, plain_flag) = block.parse()?;
            self.body.start(&header)?;
            formats = formats.only(header.format);
            match (plain_flag, header.kind) {
                (b'x', _) => {
                    formats = formats.only(Format::PAX);
                    before.records = Some(records::parse(&self.special()?)?);
                }
                (_, Kind::Global) => {
                    let records = records::parse(&self.special()?)?;
                    let format = formats.only(Format::PAX);
                    let Header { name, kind, .. } = header;
                    return Ok(Some(Header {
                        name,
                        kind,
                        records,
                        format,
                        ..Header::default()
                    }));
                }
                (b'L', _) => {
                    formats = formats.only(Format::GNU);
                    before.name = block::text(&self.special()?).to_vec();
                }
                (b'K', _) => {
                    formats = formats.only(Format::GNU);
                    before.link = block::text(&self.special()?).to_vec();
                }
                _ => return self.entry(header, &block, before, formats).map(Some),
            }
        }
    }

    /// Puts together what several headers said about one entry.
    fn entry(
        &mut self,
        mut header: Header,
        block: &Block,
        before: Before,
        mut formats: Format,
    ) -> Result<Header> {
        if let Some(records) = before.records {
            records::merge(&mut header, &records)?;
            header.records = records;
        }
        if !before.name.is_empty() {
            header.name = before.name;
        }
        if !before.link.is_empty() {
            header.link = before.link;
        }
        if header.kind == Kind::Other(0) {
            header.kind = if header.name.ends_with(b"/") {
                Kind::Dir
            } else {
                Kind::File
            };
        }
        self.body.start(&header)?;
        self.body.pieces = sparse::pieces(&mut header, block, &mut self.body, &mut formats)?;
        if formats.has(Format::USTAR) && formats.has(Format::PAX) {
            formats = formats.only(Format::USTAR);
        }
        header.format = formats;
        Ok(header)
    }

    fn check(&mut self, header: &Header) -> Result<()> {
        let limits = &self.limits;
        if header.name.len() > limits.path || header.link.len() > limits.path {
            return Err(Self::too_large(format!(
                "a path of more than {} bytes",
                limits.path
            )));
        }
        if header
            .name
            .split(|byte| *byte == b'/')
            .any(|name| name.len() > limits.component)
        {
            return Err(Self::too_large(format!(
                "a name of more than {} bytes",
                limits.component
            )));
        }
        if !header.kind.header_only() {
            let size = u64::try_from(header.size).map_err(|_| malformed("a negative size"))?;
            self.content_bytes = self.content_bytes.saturating_add(size);
            if self.content_bytes > self.limits.bytes {
                return Err(Self::too_large(format!(
                    "more than {} bytes of content",
                    self.limits.bytes
                )));
            }
        }
        Ok(())
    }

    /// The content of a header that says more about the next one.
    fn special(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = SPECIAL as u64 + 1;
        (&mut self.body)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| self.failed(error))?;
        if bytes.len() > SPECIAL {
            return Err(Self::too_large(format!(
                "a header of more than {SPECIAL} bytes"
            )));
        }
        Ok(bytes)
    }

    /// Where in the tar the content of the current entry starts, in bytes; `None` for a sparse file. Only right
    /// before any of the content is read.
    pub(crate) fn content_offset(&self) -> Option<u64> {
        let taken = self.limits.bytes.saturating_add(1) - self.body.from.get_ref().limit();
        let ahead = self.body.from.buffer().len() as u64;
        self.body.pieces.is_none().then(|| taken - ahead)
    }

    /// Reads what follows the end of the archive.
    pub(crate) fn drain(&mut self) -> Result<()> {
        loop {
            match self.body.from.fill_buf().map(<[u8]>::len) {
                Ok(0) => break,
                Ok(count) => self.body.from.consume(count),
                Err(error) => return Err(self.failed(error)),
            }
        }
        if self.body.from.get_ref().limit() == 0 {
            return Err(Self::too_large(format!(
                "more than {} bytes",
                self.limits.bytes
            )));
        }
        Ok(())
    }

    fn failed(&self, error: io::Error) -> Error {
        if self.body.from.get_ref().limit() == 0 {
            return Self::too_large(format!("more than {} bytes", self.limits.bytes));
        }
        Error::io("reading a tar", error)
    }

    fn too_large(what: String) -> Error {
        Error::new(ErrorKind::TooLarge, format!("reading a tar: {what}"))
    }
}

impl Body<'_> {
    /// Sets the stream up for the content that a header announces.
    fn start(&mut self, header: &Header) -> Result<()> {
        let size = if header.kind.header_only() {
            0
        } else {
            header.size
        };
        self.left = u64::try_from(size).map_err(|_| malformed("a negative size"))?;
        let used = usize::try_from(self.left % BLOCK as u64).unwrap_or(0);
        self.padding = (BLOCK - used) % BLOCK;
        self.pieces = None;
        Ok(())
    }

    /// Skips the rest of the content. `false` when the stream ends in the padding: to Go that is a good end.
    fn skip(&mut self) -> io::Result<bool> {
        self.pieces = None;
        while self.left > 0 {
            let there = self.from.fill_buf()?.len();
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = there.min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.from.consume(count);
            self.left -= count as u64;
        }
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..std::mem::take(&mut self.padding)];
        Ok(read_full(&mut self.from, padding)? == padding.len())
    }

    /// The next header; `None` at the end: no bytes, one block of zeros and no bytes, or two blocks of zeros.
    fn block(&mut self) -> io::Result<Option<Block>> {
        for zeros_before in [false, true] {
            let mut bytes = Box::new([0; BLOCK]);
            match read_full(&mut self.from, &mut bytes[..])? {
                0 => return Ok(None),
                BLOCK => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            if *bytes != [0; BLOCK] {
                if zeros_before {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a header after a block of zeros",
                    ));
                }
                return Ok(Some(Block::new(bytes)));
            }
        }
        Ok(None)
    }

    /// Bytes as they are in the tar.
    fn read_stored(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let count = self.from.read(&mut buffer[..room])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut pieces) = self.pieces.take() else {
            return self.read_stored(buffer);
        };
        let count = pieces.read(self, buffer);
        self.pieces = Some(pieces);
        count
    }
}

/// Fills the buffer as far as the stream goes.
fn read_full(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn malformed(what: &str) -> Error {
    Error::malformed(format!("reading a tar: {what}"))
}
