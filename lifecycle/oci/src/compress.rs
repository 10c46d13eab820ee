//! What layers are compressed with: anything is read that has a media type. How ours are written is in `tarball/pack/output.rs`.

use std::io::{self, Read};

use crate::{Compression, Error, ErrorKind, MediaType, Result};

/// Reads the tar inside a blob: gunzips it (also several members), or passes it through.
///
/// The reader fails with `TooLarge` when more than `limit` bytes come out, and with `Malformed` when something other than
/// a gzip member follows the last one. Fails with `Unsupported` for zstd and for what is no layer.
pub fn decompress(
    media_type: &MediaType,
    bytes: Box<dyn Read + Send>,
    limit: u64,
) -> Result<Box<dyn Read + Send>> {
    match media_type.compression() {
        Some(Compression::None) => Ok(Box::new(Capped {
            from: bytes,
            left: limit,
            limit,
        })),
        Some(Compression::Gzip) => {
            let from = flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(
                128 << 10,
                bytes,
            ));
            Ok(Box::new(Capped {
                from,
                left: limit,
                limit,
            }))
        }
        Some(Compression::Zstd) => {
            let doing = "reading a layer compressed with zstd, which is not supported yet";
            Err(Error::new(ErrorKind::Unsupported, doing))
        }
        None => Err(Error::new(
            ErrorKind::Unsupported,
            format!("reading {media_type} as a layer"),
        )),
    }
}

/// Fails when more bytes come than were allowed; at the end of the stream it has seen that nothing follows.
struct Capped<R> {
    from: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(read) else {
            let doing = format!(
                "decompressing a layer: more than {} bytes come out",
                self.limit
            );
            return Err(Error::new(ErrorKind::TooLarge, doing).into());
        };
        self.left = left;
        Ok(count)
    }
}
