//! GNU's sparse files: which bytes of a file are in the tar, and which are zeros.

use std::io;

use super::block::{BLOCK, Block, number};
use super::records::decimal;
use super::{Body, Format, Header, Kind, SPECIAL, malformed, read_full};
use crate::Result;

const MOST: usize = 1 << 20;

/// A file in pieces: data that is in the tar, and zeros between.
pub(super) struct Pieces {
    /// Start and end of the data that is still to come, in order.
    data: std::vec::IntoIter<(u64, u64)>,
    now: Option<(u64, u64)>,
    position: u64,
    size: u64,
}

impl Pieces {
    pub(super) fn read(&mut self, body: &mut Body<'_>, buffer: &mut [u8]) -> io::Result<usize> {
        let broken = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "a sparse file has more or less data than it says",
            )
        };
        while self.now.is_some_and(|(_, end)| end <= self.position) {
            self.now = self.data.next();
        }
        let next = self.now.map_or(
            self.size,
            |(start, end)| if self.position < start { start } else { end },
        );
        let room = buffer
            .len()
            .min(usize::try_from(next - self.position).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..room];
        let count = if self.now.is_some_and(|(start, _)| start <= self.position) {
            match body.read_stored(buffer)? {
                0 if room > 0 => return Err(broken()),
                count => count,
            }
        } else {
            buffer.fill(0);
            room
        };
        self.position += count as u64;
        if self.position == self.size && body.left > 0 {
            return Err(broken());
        }
        Ok(count)
    }
}

/// Finds out whether an entry is sparse; if so its header gets the name and size of the real file.
pub(super) fn pieces(
    header: &mut Header,
    block: &Block,
    body: &mut Body<'_>,
    formats: &mut Format,
) -> Result<Option<Pieces>> {
    let map = if header.kind == Kind::Other(b'S') {
        *formats = formats.only(Format::GNU);
        Some(in_headers(header, block, body)?)
    } else {
        in_records(header, body, formats)?
    };
    let Some(map) = map else { return Ok(None) };
    if header.kind.header_only() {
        return Err(malformed("a sparse file that is no file"));
    }
    if header.kind == Kind::Other(b'S') {
        header.kind = Kind::File;
    }
    checked(&map, header.size).map(Some)
}

/// Pieces must be in order, must not overlap and must lie within the file.
fn checked(map: &[(i64, i64)], size: i64) -> Result<Pieces> {
    let broken = || malformed("a sparse file whose map breaks its format");
    let mut data = Vec::with_capacity(map.len());
    let mut before = 0;
    for (offset, length) in map {
        let end = offset.checked_add(*length).ok_or_else(broken)?;
        if *offset < 0 || *length < 0 || end > size || before > *offset {
            return Err(broken());
        }
        before = end;
        data.push((
            u64::try_from(*offset).map_err(|_| broken())?,
            u64::try_from(end).map_err(|_| broken())?,
        ));
    }
    data.retain(|(start, end)| start < end);
    let mut data = data.into_iter();
    let size = u64::try_from(size).map_err(|_| broken())?;
    Ok(Pieces {
        now: data.next(),
        data,
        position: 0,
        size,
    })
}

/// The old form: four pieces in the header, more in blocks that follow it.
fn in_headers(header: &mut Header, block: &Block, body: &mut Body<'_>) -> Result<Vec<(i64, i64)>> {
    let fields = block
        .as_tar()
        .as_gnu()
        .ok_or_else(|| malformed("a sparse file that is not in GNU's format"))?;
    header.size = number(&fields.realsize)?;
    let mut map = Vec::new();
    let mut extended = fields.isextended[0] > 0;
    add(&mut map, &fields.sparse)?;
    let mut read = 4 * 24 + 1;
    while extended {
        if read >= SPECIAL {
            return Err(malformed("a sparse file with too many pieces"));
        }
        let mut more = tar::GnuExtSparseHeader::new();
        let got = read_full(&mut body.from, more.as_mut_bytes());
        if got.map_err(|error| crate::Error::io("reading a tar", error))? != BLOCK {
            return Err(malformed("a sparse file whose map is cut short"));
        }
        read += BLOCK;
        add(&mut map, &more.sparse)?;
        extended = more.isextended[0] > 0;
    }
    Ok(map)
}

fn add(map: &mut Vec<(i64, i64)>, pieces: &[tar::GnuSparseHeader]) -> Result<()> {
    for piece in pieces.iter().take_while(|piece| piece.offset[0] != 0) {
        if map.len() >= MOST {
            return Err(malformed("a sparse file with too many pieces"));
        }
        map.push((number(&piece.offset)?, number(&piece.numbytes)?));
    }
    Ok(())
}

/// The newer forms: a map in PAX records (0.1), or at the start of the content (1.0).
fn in_records(
    header: &mut Header,
    body: &mut Body<'_>,
    formats: &mut Format,
) -> Result<Option<Vec<(i64, i64)>>> {
    let record = |key: &str| {
        header
            .records
            .get(key.as_bytes())
            .map_or(&b""[..], |value| &value[..])
    };
    let in_content = match (record("GNU.sparse.major"), record("GNU.sparse.minor")) {
        (b"0", b"0" | b"1") => false,
        (b"1", b"0") => true,
        (b"", b"") if !record("GNU.sparse.map").is_empty() => false,
        _ => return Ok(None),
    };
    *formats = formats.only(Format::PAX);
    let name = record("GNU.sparse.name").to_vec();
    let size = [record("GNU.sparse.size"), record("GNU.sparse.realsize")]
        .into_iter()
        .find(|size| !size.is_empty());
    let size = size.map(|size| {
        decimal(size).ok_or_else(|| malformed("a sparse file whose size is no number"))
    });
    let map = if in_content {
        None
    } else {
        Some(from_records(header)?)
    };
    if !name.is_empty() {
        header.name = name;
    }
    if let Some(size) = size {
        header.size = size?;
    }
    match map {
        Some(map) => Ok(Some(map)),
        None => from_content(body).map(Some),
    }
}

fn from_records(header: &Header) -> Result<Vec<(i64, i64)>> {
    let broken = || malformed("a sparse file whose map breaks its format");
    let record = |key: &str| {
        header
            .records
            .get(key.as_bytes())
            .map_or(&b""[..], |value| &value[..])
    };
    let count = decimal(record("GNU.sparse.numblocks"))
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(broken)?;
    let map = record("GNU.sparse.map");
    let numbers: Vec<&[u8]> = if map.is_empty() {
        Vec::new()
    } else {
        map.split(|byte| *byte == b',').collect()
    };
    if Some(numbers.len()) != count.checked_mul(2) || count > MOST {
        return Err(broken());
    }
    let pairs = numbers.as_chunks::<2>().0;
    pairs
        .iter()
        .map(|[offset, length]| Some((decimal(offset)?, decimal(length)?)))
        .collect::<Option<_>>()
        .ok_or_else(broken)
}

/// Decimal numbers, one per line, in whole blocks before the data.
fn from_content(body: &mut Body<'_>) -> Result<Vec<(i64, i64)>> {
    let broken = || malformed("a sparse file whose map breaks its format");
    let mut text: Vec<u8> = Vec::new();
    let mut lines = 0;
    let mut need = |count: usize, text: &mut Vec<u8>| {
        while lines < count {
            let mut block = [0; BLOCK];
            let mut filled = 0;
            while filled < BLOCK {
                match body
                    .read_stored(&mut block[filled..])
                    .map_err(|error| crate::Error::io("reading a tar", error))?
                {
                    0 => return Err(broken()),
                    count => filled += count,
                }
            }
            lines += block.split(|byte| *byte == b'\n').count() - 1;
            text.extend_from_slice(&block);
            if text.len() > SPECIAL {
                return Err(malformed("a sparse file with too many pieces"));
            }
        }
        Ok(())
    };
    need(1, &mut text)?;
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = decimal(first)
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(broken)?;
    let numbers = count.checked_mul(2).ok_or_else(broken)?;
    need(numbers.checked_add(1).ok_or_else(broken)?, &mut text)?;
    let mut lines = text.split(|byte| *byte == b'\n').skip(1).map(decimal);
    let mut map = Vec::new();
    for _ in 0..count {
        map.push((
            lines.next().flatten().ok_or_else(broken)?,
            lines.next().flatten().ok_or_else(broken)?,
        ));
    }
    Ok(map)
}
