//! How much is believed of what comes from archives.

use std::io::{self, Read};

/// A package file, in bytes.
pub(crate) const DEB_BYTES: u64 = 2 << 30;
/// A package unpacked, in bytes.
pub(crate) const UNPACKED_BYTES: u64 = 8 << 30;
/// Entries of one package.
pub(crate) const ENTRIES: u64 = 200_000;
/// One file of a package's control part, in bytes.
pub(crate) const CONTROL_BYTES: u64 = 4 << 20;
/// Memory an xz stream may ask for, in KiB; Debian's largest dictionaries have 64 MiB.
pub(crate) const XZ_KIB: u32 = 66 << 10;
/// An unpacked package index, in bytes; that of trixie's main has 57 MB.
pub(crate) const INDEX_BYTES: u64 = 512 << 20;
/// An `InRelease`, in bytes; real ones have 40 to 240 kB.
pub(crate) const RELEASE_BYTES: u64 = 4 << 20;
/// A text that our rules read out of a package, in bytes.
pub(crate) const RULE_BYTES: u64 = 4 << 20;

/// A reader that fails instead of giving more than so many bytes: an end that is only ours must not look like one.
pub(crate) struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R> Limited<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Limited<R> {
        Limited { inner, left: limit }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = u64::try_from(count)
            .ok()
            .and_then(|count| self.left.checked_sub(count));
        self.left = left.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "more bytes than are believed")
        })?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::Limited;

    #[test]
    fn more_than_the_limit_is_an_error_and_not_an_end() {
        let read = |limit| Limited::new(&b"12345"[..], limit).read_to_end(&mut Vec::new());
        assert!(read(4).is_err());
        assert_eq!(read(5).ok(), Some(5));
        assert_eq!(read(6).ok(), Some(5));
    }
}
