//! A tar made by somebody else (an image extension) with our times and without user names (XP-14).

use std::io::Read;
use std::sync::Arc;

use super::header::{Kind, Time};
use super::pack::Writer;
use super::read::Reader;
use super::{Header, Limits};
use crate::{Error, Layer, Result, Store};

/// Packs the entries of an uncompressed tar as they are, except that times and user names are normalised.
///
/// Names, owners, modes and the format of each header stay, as in Go. `mtime` is in seconds since 1970. Fails with
/// `Unsupported` when the tar holds global PAX records, which Go refuses to write too.
pub fn rewrite(
    tar: &mut dyn Read,
    mtime: i64,
    limits: &Limits,
    into: &Arc<dyn Store>,
) -> Result<Layer> {
    let mut writer = Writer::new(into)?;
    match copy(tar, mtime, limits, &mut writer) {
        Ok(()) => writer.finish(),
        Err(error) => Err(writer.abandon(error)),
    }
}

fn copy(tar: &mut dyn Read, mtime: i64, limits: &Limits, writer: &mut Writer) -> Result<()> {
    let mut reader = Reader::new(tar, limits);
    while let Some(header) = reader.next()? {
        let header = Header {
            mtime: Time {
                seconds: mtime,
                nanos: 0,
            },
            user: Vec::new(),
            group: Vec::new(),
            ..header
        };
        writer.header(&header)?;
        if !header.kind.header_only() && header.kind != Kind::Global {
            let size = u64::try_from(header.size).unwrap_or(0);
            let copied = writer.content(&mut reader.body, size);
            // Reading past the end lets a sparse file say that it has more data than its map.
            let past_end = copied.and_then(|()| reader.body.read(&mut [0]));
            past_end.map_err(|error| Error::io("copying the content of a tar", error))?;
        }
    }
    reader.drain()
}
