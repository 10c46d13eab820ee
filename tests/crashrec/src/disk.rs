//! The content of a disk as a value: cheap to copy, so that every cut of a recording is a disk of its own.

use std::collections::HashMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// What a disk writes whole or not at all, as far as this rig goes.
pub const BLOCK_BYTES: u64 = 4096;
const BLOCK: usize = 4096;

/// A sparse disk; what was never written is zeroes.
#[derive(Debug, Clone)]
pub struct Disk {
    /// In bytes, a multiple of [`BLOCK_BYTES`].
    size: u64,
    blocks: HashMap<u64, Arc<[u8; BLOCK]>>,
}

impl Disk {
    pub fn empty(size: u64) -> Disk {
        Disk {
            size,
            blocks: HashMap::new(),
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `into` from `offset`; what lies behind the end is zeroes.
    pub fn read(&self, offset: u64, into: &mut [u8]) {
        for (block, within, range) in pieces(offset, into.len()) {
            let target = &mut into[range];
            match self.blocks.get(&block) {
                Some(bytes) => target.copy_from_slice(&bytes[within..within + target.len()]),
                None => target.fill(0),
            }
        }
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        for (block, within, range) in pieces(offset, bytes.len()) {
            let part = &bytes[range];
            let whole = self
                .blocks
                .entry(block)
                .or_insert_with(|| Arc::new([0; BLOCK]));
            Arc::make_mut(whole)[within..within + part.len()].copy_from_slice(part);
        }
    }

    /// Writes the disk as a sparse file, for a look with other tools.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut file = std::fs::File::create(path)?;
        file.set_len(self.size)?;
        for (block, bytes) in &self.blocks {
            file.seek(SeekFrom::Start(block * BLOCK_BYTES))?;
            file.write_all(&bytes[..])?;
        }
        Ok(())
    }
}

/// The blocks that `count` bytes from `offset` touch: number, first byte within, and which of the bytes.
pub(crate) fn pieces(
    offset: u64,
    count: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = usize::try_from(at % BLOCK_BYTES).expect("less than a block");
        let length = (BLOCK - within).min(count - done);
        let range = done..done + length;
        done += length;
        (length > 0).then_some((at / BLOCK_BYTES, within, range))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_across_blocks_is_read_back_and_the_rest_is_zeroes() {
        let mut disk = Disk::empty(1 << 20);
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| (n % 251) as u8 + 1).collect();
        disk.write(5_000, &bytes);
        let mut read = vec![7; 12_000];
        disk.read(4_000, &mut read);
        assert!(read[..1_000].iter().all(|byte| *byte == 0));
        assert_eq!(read[1_000..11_000], bytes[..]);
        assert!(read[11_000..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut disk = Disk::empty(1 << 20);
        disk.write(0, b"old");
        let copy = disk.clone();
        disk.write(0, b"new");
        let mut read = [0; 3];
        copy.read(0, &mut read);
        assert_eq!(&read, b"old");
    }
}
