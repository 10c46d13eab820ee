//! One piece of a deflate stream that depends on no other piece: codec 1 of `docs/formats/chunks.md`.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::blocks::{last_block, last_block_as_made};
use crate::limits::{CHUNK_BYTES, SEGMENT_BYTES};
use crate::{Error, ErrorKind, Result};

/// Level 6 is a little smaller than `gzip -6` on file trees and three times as fast (`docs/design/chunk-dedup.md` 3).
const LEVEL: i32 = 6;
/// An empty final block with fixed codes: what comes after the last segment of a stream.
pub(crate) const END: [u8; 2] = [3, 0];
/// What an empty stored block looks like after its three header bits and the padding to a byte.
const EMPTY_STORED: [u8; 4] = [0, 0, 0xff, 0xff];

/// Makes segments; the same bytes always make the same segment.
pub struct Deflater {
    compressor: Compressor,
    scratch: Vec<u8>,
}

/// Compressed bytes, to be put after any other segment, and the checksum of what they hold.
pub struct Segment {
    pub bytes: Vec<u8>,
    pub crc: crc32fast::Hasher,
}

impl Deflater {
    pub fn new() -> Result<Deflater> {
        let level = CompressionLvl::new(LEVEL)
            .map_err(|_| Error::new(ErrorKind::Other, "setting the level of compression"))?;
        Ok(Deflater {
            compressor: Compressor::new(level),
            scratch: Vec::new(),
        })
    }

    pub fn segment(&mut self, raw: &[u8]) -> Segment {
        let mut crc = crc32fast::Hasher::new();
        crc.update(raw);
        let bytes = self.deflate(raw).unwrap_or_else(|| stored(raw));
        Segment { bytes, crc }
    }

    /// libdeflate makes whole streams only: the mark of the last block is taken away, and an empty stored block brings the
    /// end to a byte. `None` if its output is not what we know how to read.
    fn deflate(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        let bound = self.compressor.deflate_compress_bound(raw.len());
        // Never shorter again, so that nothing is made zero twice.
        self.scratch.resize(self.scratch.len().max(bound), 0);
        let room = &mut self.scratch[..bound];
        let length = self.compressor.deflate_compress(raw, room).ok()?;
        let stream = self.scratch.get(..length)?;
        let last = last_block_as_made(stream)?;
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

/// Inflates a segment of codec 1, which must hold exactly `raw_bytes` bytes, and no block that ends the stream it stands in.
///
/// Fails with `TooLarge` when one of the two sizes is beyond what is ever made, before memory is taken; with `Malformed` when the
/// segment is not what it should be.
pub fn inflate(segment: &[u8], raw_bytes: u32) -> Result<Vec<u8>> {
    let malformed = || Error::malformed(format!("inflating a segment to {raw_bytes} bytes"));
    let raw_length = usize::try_from(raw_bytes).unwrap_or(usize::MAX);
    if raw_length > CHUNK_BYTES || segment.len() > SEGMENT_BYTES {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "inflating a segment of {} bytes to {raw_bytes} bytes",
                segment.len()
            ),
        ));
    }
    let stream = [segment, &END].concat();
    if !ends_with_its_own_block(&stream) {
        return Err(malformed());
    }
    let mut raw = vec![0; raw_length];
    match Decompressor::new().deflate_decompress(&stream, &mut raw) {
        Ok(length) if length == raw_length => Ok(raw),
        _ => Err(malformed()),
    }
}

/// Is the block that was put behind a segment the first that ends the stream? A segment that ends the stream itself, or in the middle
/// of a block, may inflate to the right bytes, but would cut short every blob it stands in.
fn ends_with_its_own_block(stream: &[u8]) -> bool {
    let start = (stream.len() - END.len()) * 8;
    last_block(stream).is_some_and(|last| last.start == start)
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
    use crate::ChunkId;
    use proptest::prelude::*;
    use std::io::Read;

    fn inflate_together(segments: &[Vec<u8>]) -> Vec<u8> {
        let stream = [&segments.concat()[..], &[3, 0]].concat();
        let mut raw = Vec::new();
        flate2::read::DeflateDecoder::new(&stream[..])
            .read_to_end(&mut raw)
            .unwrap();
        raw
    }

    fn length(raw: &[u8]) -> u32 {
        u32::try_from(raw.len()).unwrap()
    }

    fn check(pieces: &[Vec<u8>]) {
        let mut deflater = Deflater::new().unwrap();
        let segments: Vec<_> = pieces
            .iter()
            .map(|raw| deflater.segment(raw).bytes)
            .collect();
        for (raw, segment) in pieces.iter().zip(&segments) {
            assert_eq!(&inflate_together(std::slice::from_ref(segment)), raw);
            assert_eq!(&inflate(segment, length(raw)).unwrap(), raw);
        }
        assert_eq!(inflate_together(&segments), pieces.concat());
        let fallback: Vec<_> = pieces.iter().map(|raw| stored(raw)).collect();
        assert_eq!(inflate_together(&fallback), pieces.concat());
    }

    #[test]
    fn libdeflate_makes_what_we_can_cut_so_the_fallback_is_not_needed() {
        let text: Vec<u8> = (0..200_000u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        let noise: Vec<u8> = (0..200_000u32)
            .map(|n| ChunkId::of(&n.to_le_bytes()).as_bytes()[0])
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
            assert_eq!(inflate_together(&[bytes]), raw);
        }
    }

    fn kind(segment: &[u8], raw_bytes: u32) -> Option<ErrorKind> {
        inflate(segment, raw_bytes).err().map(|error| error.kind())
    }

    #[test]
    fn a_segment_of_other_length_than_promised_is_malformed() {
        let raw = b"one two three ".repeat(1000);
        let segment = Deflater::new().unwrap().segment(&raw).bytes;
        assert_eq!(kind(&segment, 14_000), None);
        assert_eq!(kind(&segment, 13_999), Some(ErrorKind::Malformed));
        assert_eq!(kind(&segment, 14_001), Some(ErrorKind::Malformed));
        assert_eq!(kind(&segment, 0), Some(ErrorKind::Malformed));
    }

    #[test]
    fn a_segment_that_is_cut_short_or_goes_on_is_malformed() {
        let segment = Deflater::new()
            .unwrap()
            .segment(&b"one two ".repeat(50))
            .bytes;
        for end in 0..segment.len() {
            assert_eq!(
                kind(&segment[..end], 400),
                Some(ErrorKind::Malformed),
                "{end}"
            );
        }
        let twice = segment.repeat(2);
        assert_eq!(kind(&twice, 400), Some(ErrorKind::Malformed));
        // Two segments are one for two chunks.
        assert_eq!(kind(&twice, 800), None);
    }

    #[test]
    fn a_segment_that_would_end_its_blob_is_malformed_whatever_it_holds() {
        let raw = b"one two three ".repeat(1000);
        let mut whole = vec![0; 20_000];
        let length = Compressor::new(CompressionLvl::new(LEVEL).unwrap())
            .deflate_compress(&raw, &mut whole)
            .unwrap();
        whole.truncate(length);
        assert_eq!(kind(&whole, 14_000), Some(ErrorKind::Malformed));
        let hidden = [&whole[..], &[0], &EMPTY_STORED].concat();
        assert_eq!(kind(&hidden, 14_000), Some(ErrorKind::Malformed));
    }

    /// Bits of a stream: of each string the first bit first, which is how codes are written; numbers stand the other way round.
    fn bits(strings: &[&str]) -> Vec<u8> {
        let bits: Vec<_> = strings.concat().bytes().map(|bit| bit - b'0').collect();
        bits.chunks(8)
            .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit))
            .collect()
    }

    /// A block with fixed codes: the letter a, a match of one byte before, and the end; then an empty stored block.
    fn a_match_of_length(symbol: &str) -> Vec<u8> {
        let block = bits(&["0", "10", "10010001", symbol, "00000", "0000000", "000"]);
        [&block[..], &EMPTY_STORED].concat()
    }

    #[test]
    fn codes_that_libdeflate_takes_and_other_readers_do_not_are_malformed() {
        assert_eq!(
            inflate(&a_match_of_length("11000101"), 259).unwrap(),
            [b'a'; 259]
        );
        for symbol in ["11000110", "11000111"] {
            let segment = a_match_of_length(symbol);
            let mut raw = [0; 259];
            let stream = [&segment[..], &END].concat();
            let length = Decompressor::new().deflate_decompress(&stream, &mut raw);
            assert_eq!((length, raw), (Ok(259), [b'a'; 259]));
            assert_eq!(kind(&segment, 259), Some(ErrorKind::Malformed), "{symbol}");
        }
    }

    #[test]
    fn what_is_larger_than_any_chunk_is_too_large_before_memory_is_taken() {
        let segment = Deflater::new().unwrap().segment(b"a").bytes;
        assert_eq!(kind(&segment, 1_114_113), Some(ErrorKind::TooLarge));
        assert_eq!(kind(&segment, u32::MAX), Some(ErrorKind::TooLarge));
        assert_eq!(kind(&vec![0; 1_118_209], 1), Some(ErrorKind::TooLarge));
    }

    #[test]
    fn no_chunk_makes_a_segment_that_is_too_large() {
        let mut noise = vec![0; CHUNK_BYTES];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let mut deflater = Deflater::new().unwrap();
        for raw in [&noise[..], &noise[..1 << 20]] {
            let segment = deflater.segment(raw).bytes;
            assert!(segment.len() > raw.len());
            assert_eq!(inflate(&segment, length(raw)).unwrap(), raw);
            assert_eq!(inflate(&stored(raw), length(raw)).unwrap(), raw);
        }
    }

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

        #[test]
        fn noise_inflates_only_when_other_readers_can_inflate_it_in_the_middle_of_a_stream(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            raw_bytes in 0..2000u32,
        ) {
            if let Ok(raw) = inflate(&noise, raw_bytes) {
                let next = Deflater::new().unwrap().segment(b"next").bytes;
                prop_assert_eq!(inflate_together(&[noise, next]), [&raw[..], b"next"].concat());
            }
        }

        #[test]
        fn a_damaged_segment_inflates_only_when_other_readers_can_inflate_it_in_the_middle_of_a_stream(
            raw in any_piece(),
            place in any::<proptest::sample::Index>(),
            bit in 0..8u32,
        ) {
            let mut deflater = Deflater::new().unwrap();
            let mut segment = deflater.segment(&raw).bytes;
            let place = place.index(segment.len());
            segment[place] ^= 1u8 << bit;
            if let Ok(raw) = inflate(&segment, length(&raw)) {
                let next = deflater.segment(b"next").bytes;
                prop_assert_eq!(inflate_together(&[segment, next]), [&raw[..], b"next"].concat());
            }
        }
    }
}
