//! Where a tar is cut into chunks: between its entries, and by content inside large files.
//!
//! Headers, small files and padding stand together in *runs*, which end at the start of an entry; the content of a large file is
//! cut for itself with FastCDC (2020). Every rule is part of the format (`docs/formats/chunks.md`, Cutting): another rule would
//! find no chunk that older versions kept.

mod search;

use search::Search;

/// Contents from this size on are cut for themselves, and a run may end from this size on.
const LARGE: usize = 65_536;
/// A run that holds so much ends at the next entry, whatever it is called.
const RUN_FULL: usize = 524_288;
/// No chunk is larger than this; only headers of absurd size bring a run here.
const CHUNK_FULL: usize = search::MAX;
/// Chunks are cut from a buffer this large, so that what is left over moves to its front seldom.
const BUFFER: usize = 2 * CHUNK_FULL;

/// Cuts the bytes of a tar into chunks, at the same places however they are split over calls of [`write`](Cutter::write).
///
/// All chunks in their order are the tar; none is empty, none is larger than 1 MiB. Holds up to 2 MiB.
pub struct Cutter {
    /// Some bytes that are handed out already, and those that are not.
    buffer: Vec<u8>,
    /// Where in `buffer` the current chunk starts.
    start: usize,
    place: Place,
    search: Search,
    /// The folder of the entry before.
    parent: Vec<u8>,
}

/// What the next byte belongs to.
enum Place {
    Run,
    /// A large content, of which so many bytes are still to come.
    Content {
        left: u64,
    },
}

impl Cutter {
    /// For a tar whose entries are announced with [`entry`](Cutter::entry) and [`payload`](Cutter::payload).
    pub fn new() -> Cutter {
        Cutter::at(Place::Run)
    }

    /// For bytes nobody could read as tar: all of it is cut as if it were one content. Nothing is announced.
    pub fn foreign() -> Cutter {
        Cutter::at(Place::Content { left: u64::MAX })
    }

    fn at(place: Place) -> Cutter {
        Cutter {
            buffer: Vec::new(),
            start: 0,
            place,
            search: Search::new(),
            parent: Vec::new(),
        }
    }

    /// Says that an entry starts with the next byte: all of its headers, those with extended names and records too.
    ///
    /// `path` is the whole name of the entry, as the extended headers give it; slashes at its end do not matter. Gives the chunk
    /// that ends here, if one does. A content that is not yet complete is complete now.
    pub fn entry(&mut self, path: &[u8]) -> Option<Vec<u8>> {
        let path = without_slashes(path);
        let parent = parent(path);
        let ends = match self.place {
            Place::Content { .. } => true,
            Place::Run => self.run_ends_before(path, parent),
        };
        if self.parent != parent {
            parent.clone_into(&mut self.parent);
        }
        self.place = Place::Run;
        if ends { self.rest() } else { None }
    }

    /// A pure function of the entry and of what stands before it, so that a change ends no run but its own.
    fn run_ends_before(&self, path: &[u8], parent: &[u8]) -> bool {
        let bytes = self.buffer.len() - self.start;
        bytes >= RUN_FULL || bytes >= LARGE && (self.parent != parent || one_in_32(path))
    }

    /// Says that the next `bytes` bytes are the content of the entry, without the padding behind it. Gives the chunk that ends here,
    /// if one does.
    pub fn payload(&mut self, bytes: u64) -> Option<Vec<u8>> {
        if bytes < LARGE as u64 {
            return None;
        }
        self.place = Place::Content { left: bytes };
        self.rest()
    }

    /// Takes bytes and hands out the chunks that end in them, each in a vector of its size.
    ///
    /// Fails only with what `chunk` fails with; the cutter is of no use after that.
    pub fn write<E>(
        &mut self,
        mut bytes: &[u8],
        chunk: &mut dyn FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            bytes = self.take(bytes);
            while let Some(end) = self.end() {
                chunk(self.close(end))?;
            }
        }
        Ok(())
    }

    /// What is left: the end of the archive, or of the bytes. `None` only when there were no bytes since the last chunk.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        self.rest()
    }

    /// Keeps the first of the bytes, at least one, and gives the others back.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.buffer.len() == BUFFER {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let room = BUFFER - self.buffer.len();
        let (taken, later) = match &mut self.place {
            Place::Run => {
                let run = self.buffer.len() - self.start;
                bytes.split_at(bytes.len().min(room).min(CHUNK_FULL - run))
            }
            Place::Content { left } => {
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX);
                let (taken, later) = bytes.split_at(bytes.len().min(room).min(wanted));
                *left -= taken.len() as u64;
                (taken, later)
            }
        };
        self.buffer.extend_from_slice(taken);
        later
    }

    /// How long the current chunk is, if it ends in what is there.
    fn end(&mut self) -> Option<usize> {
        let current = &self.buffer[self.start..];
        match self.place {
            Place::Run => (current.len() == CHUNK_FULL).then_some(CHUNK_FULL),
            Place::Content { left } => self.search.end(current).or_else(|| {
                let complete = left == 0;
                if complete {
                    self.place = Place::Run;
                }
                (complete && !current.is_empty()).then_some(current.len())
            }),
        }
    }

    fn rest(&mut self) -> Option<Vec<u8>> {
        let bytes = self.buffer.len() - self.start;
        (bytes > 0).then(|| self.close(bytes))
    }

    /// The next `bytes` bytes as a chunk.
    fn close(&mut self, bytes: usize) -> Vec<u8> {
        let end = self.start + bytes;
        let chunk = self.buffer[self.start..end].to_vec();
        self.start = end;
        if end == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.search.restart();
        chunk
    }
}

impl Default for Cutter {
    fn default() -> Cutter {
        Cutter::new()
    }
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/');
    &path[..end.map_or(0, |last| last + 1)]
}

/// What stands before the last slash.
fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/');
    &path[..end.unwrap_or(0)]
}

/// True for one path in 32, always the same.
fn one_in_32(path: &[u8]) -> bool {
    blake3::hash(path).as_bytes()[0].is_multiple_of(32)
}

#[cfg(test)]
mod tests;
