//! One piece of a deflate stream that depends on no other piece.

use libdeflater::{CompressionLvl, Compressor};

use super::blocks::last_block;
use crate::{Error, ErrorKind, Result};

/// Level 6 is a little smaller than `gzip -6` on file trees and three times as fast (`docs/design/chunk-dedup.md` 3).
const LEVEL: i32 = 6;
/// What an empty stored block looks like after its three header bits and the padding to a byte.
const EMPTY_STORED: [u8; 4] = [0, 0, 0xff, 0xff];

/// Makes segments; the same bytes always make the same segment.
pub(crate) struct Deflater {
    compressor: Compressor,
    scratch: Vec<u8>,
}

/// Compressed bytes, to be put after any other segment, and the checksum of what they hold.
pub(crate) struct Segment {
    pub bytes: Vec<u8>,
    pub crc: crc32fast::Hasher,
}

impl Deflater {
    pub(crate) fn new() -> Result<Deflater> {
        let level = CompressionLvl::new(LEVEL)
            .map_err(|_| Error::new(ErrorKind::Other, "setting the level of compression"))?;
        Ok(Deflater {
            compressor: Compressor::new(level),
            scratch: Vec::new(),
        })
    }

    pub(crate) fn segment(&mut self, raw: &[u8]) -> Segment {
        let mut crc = crc32fast::Hasher::new();
        crc.update(raw);
        let bytes = self.deflate(raw).unwrap_or_else(|| stored(raw));
        Segment { bytes, crc }
    }

    /// libdeflate makes whole streams only: the mark of the last block is taken away, and an empty stored block brings the
    /// end to a byte. `None` if its output is not what we know how to read.
    fn deflate(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        self.scratch
            .resize(self.compressor.deflate_compress_bound(raw.len()), 0);
        let length = self
            .compressor
            .deflate_compress(raw, &mut self.scratch)
            .ok()?;
        let stream = self.scratch.get(..length)?;
        let last = last_block(stream)?;
        if last.end.div_ceil(8) != length {
            return None;
        }
        let mut bytes = Vec::with_capacity(length + 5);
        bytes.extend_from_slice(stream);
        *bytes.get_mut(last.start / 8)? &= !(1 << (last.start % 8));
        // The three zero bits of a stored block's header: in the rest of the last byte, or in one more.
        if last.end % 8 > 5 || last.end.is_multiple_of(8) {
            bytes.push(0);
        }
        bytes.extend_from_slice(&EMPTY_STORED);
        Some(bytes)
    }
}

/// The bytes as they are, in stored blocks.
fn stored(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len() + 5 * (raw.len() / usize::from(u16::MAX) + 1));
    for piece in raw.chunks(usize::from(u16::MAX)) {
        let [low, high] = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_le_bytes();
        bytes.extend_from_slice(&[0, low, high, !low, !high]);
        bytes.extend_from_slice(piece);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    fn inflate(segments: &[Vec<u8>]) -> Vec<u8> {
        let stream = [&segments.concat()[..], &[3, 0]].concat();
        let mut raw = Vec::new();
        flate2::read::DeflateDecoder::new(&stream[..])
            .read_to_end(&mut raw)
            .unwrap();
        raw
    }

    fn check(pieces: &[Vec<u8>]) {
        let mut deflater = Deflater::new().unwrap();
        let segments: Vec<_> = pieces
            .iter()
            .map(|raw| deflater.segment(raw).bytes)
            .collect();
        for (raw, segment) in pieces.iter().zip(&segments) {
            assert_eq!(&inflate(std::slice::from_ref(segment)), raw);
        }
        assert_eq!(inflate(&segments), pieces.concat());
        let fallback: Vec<_> = pieces.iter().map(|raw| stored(raw)).collect();
        assert_eq!(inflate(&fallback), pieces.concat());
    }

    #[test]
    fn libdeflate_makes_what_we_can_cut_so_the_fallback_is_not_needed() {
        let text: Vec<u8> = (0..200_000u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        let noise: Vec<u8> = (0..200_000u32)
            .map(|n| Digest::of(&n.to_le_bytes()).as_bytes()[0])
            .collect();
        let mut deflater = Deflater::new().unwrap();
        for raw in [
            &text[..],
            &noise,
            &vec![0; 300_000],
            b"",
            b"a",
            &[text.clone(), noise.clone()].concat(),
        ] {
            let bytes = deflater.deflate(raw).expect("its blocks can be read");
            assert_eq!(inflate(&[bytes]), raw);
        }
    }

    use crate::Digest;

    fn any_piece() -> impl Strategy<Value = Vec<u8>> {
        let noise = proptest::collection::vec(any::<u8>(), 0..3000);
        let words = proptest::collection::vec(prop_oneof!["[a-e]{1,8}", "[ -~]{0,30}"], 0..400);
        let runs = (any::<u8>(), 0..70_000usize).prop_map(|(byte, count)| vec![byte; count]);
        prop_oneof![
            noise,
            words.prop_map(|words| words.concat().into_bytes()),
            runs
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn segments_in_any_number_inflate_to_what_they_hold(pieces in proptest::collection::vec(any_piece(), 0..5)) {
            check(&pieces);
        }
    }
}
