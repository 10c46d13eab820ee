//! The one memory map of the product: an idx, read-only.

#![allow(
    unsafe_code,
    reason = "the one mmap (docs/design/decisions.md 11): the index of a big store is read where it is searched only"
)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// A file's bytes as they were when it was mapped; the file may be removed or replaced meanwhile.
#[derive(Debug)]
pub(crate) struct Map(Mmap);

impl Map {
    pub(crate) fn of(file: &File) -> io::Result<Map> {
        // SAFETY: a map is sound as long as nobody changes or shortens the file under it. An idx gets its name only when it is
        // complete and synced (`Sealed::keep`), has mode 0444 from its creation, and from then on is only ever replaced by a rename or
        // unlinked, both of which leave the mapped file as it is: nothing in slipway opens an idx for writing again. Who
        // truncates one by hand, or pulls the disk, ends the process with SIGBUS; wrong bytes can only be found wrong,
        // since every value that is read from a map is checked against bounds before it is used.
        unsafe { Mmap::map(file) }.map(Map)
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
