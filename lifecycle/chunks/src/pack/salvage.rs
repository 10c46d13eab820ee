//! What a pack still holds when its idx does not tell.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{HEAD_BYTES, RECORD_HEAD_BYTES, read_record_head, to_u64};
use crate::idx::Entry;

const WINDOW_BYTES: usize = 4 << 20;
const PAGE_BYTES: usize = 4096;

/// Finds the records of a pack of `length` bytes by their heads, in order of offset. Only heads are checked, not the segments after
/// them; after a head that is broken the next one is searched byte by byte.
pub(crate) fn salvage(file: &File, length: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut window = Window::new(file, length);
    let head_bytes = to_u64(RECORD_HEAD_BYTES);
    let mut at = to_u64(HEAD_BYTES);
    while at + head_bytes <= length {
        let segment_at = at + head_bytes;
        let entry = read_record_head(window.head(at), segment_at)
            .filter(|entry| segment_at + u64::from(entry.segment_bytes) <= length);
        at = match entry {
            Some(entry) => {
                entries.push(entry);
                segment_at + u64::from(entry.segment_bytes)
            }
            None => at + 1,
        };
    }
    entries
}

/// A part of the file; what the disk does not give back is zeros.
struct Window<'a> {
    file: &'a File,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    fn new(file: &File, length: u64) -> Window<'_> {
        Window {
            file,
            length,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// The bytes at `at`, zeros after the end of the file.
    fn head(&mut self, at: u64) -> &[u8; RECORD_HEAD_BYTES] {
        const NOTHING: &[u8; RECORD_HEAD_BYTES] = &[0; RECORD_HEAD_BYTES];
        if self.find(at).is_none() {
            self.load(at);
        }
        self.find(at).unwrap_or(NOTHING)
    }

    fn find(&self, at: u64) -> Option<&[u8; RECORD_HEAD_BYTES]> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..)?.first_chunk()
    }

    fn load(&mut self, at: u64) {
        self.start = at;
        self.bytes.clear();
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        self.bytes.resize(left.min(WINDOW_BYTES), 0);
        for (page, place) in self.bytes.chunks_mut(PAGE_BYTES).zip(0u64..) {
            read_what_is_there(self.file, page, at + place * to_u64(PAGE_BYTES));
        }
    }
}

fn read_what_is_there(file: &File, mut bytes: &mut [u8], mut at: u64) {
    while !bytes.is_empty() {
        match file.read_at(bytes, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(count) => {
                bytes = &mut bytes[count..];
                at += to_u64(count);
            }
        }
    }
}
