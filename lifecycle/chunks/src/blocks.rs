//! Walks over the blocks of a deflate stream (RFC 1951) without inflating it: where does the last one start, where does it end?
//!
//! As strict as zlib about codes: what passes here and inflates with libdeflate, which takes more, inflates everywhere.

/// Where the last block of a stream lies, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Last {
    pub start: usize,
    pub end: usize,
}

/// `None` when the stream is cut short or breaks the format. Distances are not compared with what stands before them.
pub(crate) fn last_block(stream: &[u8]) -> Option<Last> {
    find(stream, |_, codes, bits| {
        codes.read(bits)?;
        codes.skip_block(bits)?;
        Some(bits.position())
    })
}

/// As [`last_block`], of a stream that a compressor made a moment ago and that ends in its last byte: the symbols of the last block
/// are not looked at. The code that ends a block stands at the end of the stream, and nothing but zeros behind it.
pub(crate) fn last_block_as_made(stream: &[u8]) -> Option<Last> {
    find(stream, |start, codes, bits| {
        let end_of_block = codes.read_lengths(bits)?.code_of(END_OF_BLOCK)?;
        // A code of zeros ends anywhere among them.
        if end_of_block == 0 {
            *bits = start;
            codes.read(bits)?;
            codes.skip_block(bits)?;
            return Some(bits.position());
        }
        let last_one = ends_with_a_one(stream)?;
        let zeros = usize::try_from(end_of_block.trailing_zeros()).ok()?;
        Some(last_one + zeros)
    })
}

/// Where the bits of a stream end, not counting zeros.
fn ends_with_a_one(stream: &[u8]) -> Option<usize> {
    let at = stream.iter().rposition(|byte| *byte != 0)?;
    Some(at * 8 + 8 - usize::try_from(stream[at].leading_zeros()).ok()?)
}

/// `end_of_last` is asked where the last block ends when that has codes of its own, which are what comes next.
fn find<'a>(
    stream: &'a [u8],
    end_of_last: impl Fn(Bits<'a>, &mut Codes, &mut Bits<'a>) -> Option<usize>,
) -> Option<Last> {
    let mut bits = Bits::new(stream);
    let mut codes = Codes::default();
    loop {
        let start = bits.position();
        let last = bits.take(1)? == 1;
        let mut end = None;
        match bits.take(2)? {
            0 => bits.skip_stored()?,
            1 => {
                codes.set_fixed()?;
                codes.skip_block(&mut bits)?;
            }
            2 if last => end = Some(end_of_last(bits.clone(), &mut codes, &mut bits)?),
            2 => {
                codes.read(&mut bits)?;
                codes.skip_block(&mut bits)?;
            }
            _ => return None,
        }
        if last {
            let end = end.unwrap_or_else(|| bits.position());
            return (end <= stream.len() * 8).then_some(Last { start, end });
        }
    }
}

/// Bits of a stream, lowest first.
#[derive(Clone)]
struct Bits<'a> {
    stream: &'a [u8],
    /// The next byte that is not in `ahead`.
    next: usize,
    ahead: u64,
    /// Bits of `ahead` that are filled; beyond the end of the stream they are zeros.
    filled: usize,
}

impl<'a> Bits<'a> {
    fn new(stream: &'a [u8]) -> Bits<'a> {
        Bits {
            stream,
            next: 0,
            ahead: 0,
            filled: 0,
        }
    }

    fn position(&self) -> usize {
        self.next * 8 - self.filled
    }

    /// Fills up to at least 56 bits. Past the end it gives zeros for a while, then nothing.
    #[inline]
    fn fill(&mut self) -> Option<()> {
        if let Some(bytes) = self.stream.get(self.next..self.next + 8) {
            let word = u64::from_le_bytes(bytes.try_into().ok()?);
            self.ahead |= word << self.filled;
            self.next += (63 - self.filled) / 8;
            // The same bytes, as bits.
            self.filled |= 0x38;
            return Some(());
        }
        while self.filled <= 56 {
            let byte = self.stream.get(self.next).copied().unwrap_or(0);
            self.ahead |= u64::from(byte) << self.filled;
            self.next += 1;
            self.filled += 8;
        }
        (self.position() <= self.stream.len() * 8).then_some(())
    }

    /// `count` is below 64.
    #[inline]
    fn drop(&mut self, count: usize) {
        // Told to the compiler, it is one instruction.
        self.ahead >>= count & 0x3f;
        self.filled -= count;
    }

    fn take(&mut self, count: usize) -> Option<usize> {
        if self.filled < count {
            self.fill()?;
        }
        let value = usize::try_from(self.ahead & ((1 << count) - 1)).ok()?;
        self.drop(count);
        Some(value)
    }

    fn skip_stored(&mut self) -> Option<()> {
        self.drop(self.filled % 8);
        let at = self.position() / 8;
        let head = self.stream.get(at..at + 4)?;
        let length = u16::from_le_bytes([head[0], head[1]]);
        if length != !u16::from_le_bytes([head[2], head[3]]) {
            return None;
        }
        self.next = at + 4 + usize::from(length);
        self.ahead = 0;
        self.filled = 0;
        (self.next <= self.stream.len()).then_some(())
    }
}

/// The Huffman codes of a block, as far as one must know them to skip symbols.
#[derive(Default)]
struct Codes {
    lengths: Table<128>,
    symbols: Table<1024>,
    distances: Table<1024>,
    read: Lengths,
}

/// Bits of each code, those of symbols first.
#[derive(Default)]
struct Lengths {
    all: Vec<u8>,
    symbols: usize,
}

impl Lengths {
    /// The code of a symbol, its last bit lowest. `None` when it has none.
    fn code_of(&self, symbol: usize) -> Option<u32> {
        let lengths = self.all.get(..self.symbols)?;
        let bits = *lengths.get(symbol).filter(|length| **length > 0)?;
        let before = |(at, length): &(usize, &u8)| **length == bits && *at < symbol;
        // Codes of one length follow each other; the first follows the last of those that are shorter.
        let shorter = lengths.iter().filter(|length| (1..bits).contains(*length));
        let first: u32 = shorter.map(|length| 1 << (bits - length)).sum();
        let earlier = lengths.iter().enumerate().filter(before).count();
        Some(first + u32::try_from(earlier).ok()?)
    }
}

const END_OF_BLOCK: usize = 256;
/// Literals, the end of a block, and lengths.
const SYMBOLS: usize = 286;
const DISTANCES: usize = 30;

impl Codes {
    fn set_fixed(&mut self) -> Option<()> {
        let lengths: Vec<u8> = [(8, 144), (9, 112), (7, 24), (8, 8)]
            .into_iter()
            .flat_map(|(length, count)| std::iter::repeat_n(length, count))
            .collect();
        self.symbols.build(&lengths, symbol_step)?;
        self.distances.build(&[5; DISTANCES], distance_step)
    }

    /// The codes that stand at the start of a dynamic block.
    fn read(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.read_lengths(bits)?;
        let (symbols, distances) = self.read.all.split_at_checked(self.read.symbols)?;
        self.symbols.build(symbols, symbol_step)?;
        self.distances.build(distances, distance_step)?;
        let is_whole = (self.symbols.is_complete() || self.symbols.is_tiny())
            && (self.distances.is_complete() || self.distances.is_tiny());
        is_whole.then_some(())
    }

    fn read_lengths(&mut self, bits: &mut Bits<'_>) -> Option<&Lengths> {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let symbols = bits.take(5)? + 257;
        let distances = bits.take(5)? + 1;
        if symbols > SYMBOLS || distances > DISTANCES {
            return None;
        }
        let count = bits.take(4)? + 4;
        let mut of_lengths = [0; 19];
        for place in &ORDER[..count] {
            of_lengths[*place] = u8::try_from(bits.take(3)?).ok()?;
        }
        self.lengths
            .build(&of_lengths, |symbol| Some((0, u8::try_from(symbol).ok()?)))?;
        if !self.lengths.is_complete() {
            return None;
        }
        let lengths = &mut self.read.all;
        lengths.clear();
        while lengths.len() < symbols + distances {
            bits.fill()?;
            let step = self.lengths.step(bits)?;
            bits.drop(step.bits());
            let (length, times) = match step.value {
                0..=15 => (step.value, 1),
                16 => (*lengths.last()?, bits.take(2)? + 3),
                17 => (0, bits.take(3)? + 3),
                _ => (0, bits.take(7)? + 11),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        if lengths.len() != symbols + distances {
            return None;
        }
        self.read.symbols = symbols;
        Some(&self.read)
    }

    /// Literals and matches go the same way, since the processor cannot guess which comes next: after a literal the length of a
    /// distance is looked up too, and does not count.
    fn skip_block(&self, bits: &mut Bits<'_>) -> Option<()> {
        // A copy of its own can stay in registers.
        let mut ahead = bits.clone();
        loop {
            // A match takes at most 15 + 5 + 15 + 13 bits.
            ahead.fill()?;
            let symbol = self.symbols.step(&ahead)?;
            ahead.drop(symbol.bits());
            if symbol.value == END {
                *bits = ahead;
                return Some(());
            }
            let mut distance = self.distances.fast(&ahead);
            if distance.is_none() {
                distance = self.long_distance(symbol, &ahead)?;
            }
            ahead.drop(distance.bits() & usize::from(symbol.value));
        }
    }

    #[cold]
    fn long_distance(&self, symbol: Step, bits: &Bits<'_>) -> Option<Step> {
        if symbol.value == MATCH {
            self.distances.long(bits.ahead)
        } else {
            Some(Step::default())
        }
    }
}

/// What a symbol is; as a mask it says whether a distance follows.
const LITERAL: u8 = 0;
const MATCH: u8 = 0xff;
const END: u8 = 1;

/// Extra bits of a literal or length symbol, and which of them it is.
fn symbol_step(symbol: usize) -> Option<(u8, u8)> {
    Some(match symbol {
        0..END_OF_BLOCK => (0, LITERAL),
        END_OF_BLOCK => (0, END),
        257..=264 | 285 => (0, MATCH),
        265..=284 => (u8::try_from((symbol - 261) / 4).ok()?, MATCH),
        // The fixed code has two more, which stand for nothing.
        _ => return None,
    })
}

fn distance_step(symbol: usize) -> Option<(u8, u8)> {
    Some((u8::try_from((symbol / 2).saturating_sub(1)).ok()?, MATCH))
}

const LONGEST: usize = 15;

/// A canonical Huffman code: symbols of few bits by one look-up in `SIZE` entries, a power of two, longer ones length by length.
struct Table<const SIZE: usize> {
    fast: Box<[Step; SIZE]>,
    /// Number of codes of each length.
    counts: [u16; LONGEST + 1],
    /// Steps of all symbols in the order of their codes.
    sorted: Vec<Step>,
}

/// What a symbol means for somebody who only skips: bits of its code and its extra bits (0: not in this table), value.
#[derive(Clone, Copy, Default)]
struct Step {
    bits: u8,
    value: u8,
}

impl Step {
    #[inline]
    fn bits(self) -> usize {
        usize::from(self.bits)
    }

    #[inline]
    fn is_none(self) -> bool {
        self.bits == 0
    }
}

impl<const SIZE: usize> Default for Table<SIZE> {
    fn default() -> Table<SIZE> {
        Table {
            fast: Box::new([Step::default(); SIZE]),
            counts: [0; LONGEST + 1],
            sorted: Vec::new(),
        }
    }
}

impl<const SIZE: usize> Table<SIZE> {
    /// `step` gives extra bits and value of a symbol that stands for something. `None` when there are more codes than bits for them.
    fn build(&mut self, lengths: &[u8], step: impl Fn(usize) -> Option<(u8, u8)>) -> Option<()> {
        self.counts = [0; LONGEST + 1];
        for length in lengths {
            *self.counts.get_mut(usize::from(*length))? += 1;
        }
        self.counts[0] = 0;
        let mut place = [0; LONGEST + 2];
        let mut code = 0u32;
        for length in 1..=LONGEST {
            let count = self.counts[length];
            place[length + 1] = place[length] + usize::from(count);
            code = (code << 1) + u32::from(count);
            if code > 1 << length {
                return None;
            }
        }
        self.sorted.clear();
        self.sorted.resize(place[LONGEST + 1], Step::default());
        for (symbol, length) in lengths
            .iter()
            .enumerate()
            .filter(|(_, length)| **length > 0)
        {
            let place = &mut place[usize::from(*length)];
            self.sorted[*place] = step(symbol).map_or(Step::default(), |(extra, value)| Step {
                bits: *length + extra,
                value,
            });
            *place += 1;
        }
        self.fill()
    }

    /// The look-up table of one more bit is the one before twice, and the codes of that length.
    fn fill(&mut self) -> Option<()> {
        let mut sorted = self.sorted.iter();
        let mut code = 0u32;
        self.fast[0] = Step::default();
        for length in 1..=SIZE.trailing_zeros() {
            let half = 1 << (length - 1);
            self.fast.copy_within(..half, half);
            code <<= 1;
            let count = self.counts[usize::try_from(length).ok()?];
            for step in sorted.by_ref().take(usize::from(count)) {
                let reversed = code.reverse_bits() >> (32 - length);
                self.fast[usize::try_from(reversed).ok()?] = *step;
                code += 1;
            }
        }
        Some(())
    }

    /// Is every sequence of bits a code?
    fn is_complete(&self) -> bool {
        let used =
            (1..=LONGEST).map(|length| usize::from(self.counts[length]) << (LONGEST - length));
        used.sum::<usize>() == 1 << LONGEST
    }

    /// The one exception that readers make: a single code of one bit; or none, when a block has no matches.
    fn is_tiny(&self) -> bool {
        self.sorted.is_empty() || self.sorted.len() == 1 && self.counts[1] == 1
    }

    /// The step of the code that comes next. The caller has filled `bits`.
    #[inline]
    fn step(&self, bits: &Bits<'_>) -> Option<Step> {
        let step = self.fast(bits);
        if step.is_none() {
            self.long(bits.ahead)
        } else {
            Some(step)
        }
    }

    #[inline]
    fn fast(&self, bits: &Bits<'_>) -> Step {
        let mask = SIZE - 1;
        usize::try_from(bits.ahead & mask as u64).map_or(Step::default(), |index| self.fast[index])
    }

    #[cold]
    fn long(&self, ahead: u64) -> Option<Step> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for length in 1..=LONGEST {
            code |= u32::from(ahead >> (length - 1) & 1 == 1);
            let count = u32::from(self.counts[length]);
            if code < first + count {
                return self
                    .sorted
                    .get(usize::try_from(index + code - first).ok()?)
                    .copied()
                    .filter(|step| !step.is_none());
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn zlib(raw: &[u8], level: u32) -> Vec<u8> {
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(raw).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_last_block_ends_where_the_stream_ends() {
        let text: Vec<u8> = (0..100_000u32)
            .flat_map(|n| (n * 7919).to_string().into_bytes())
            .collect();
        for level in [0, 1, 6, 9] {
            for raw in [
                &b""[..],
                b"a",
                b"aaaaaaaaaaaaaaaaaaaa",
                &text[..5000],
                &text,
            ] {
                let stream = zlib(raw, level);
                let last = last_block(&stream).unwrap();
                assert_eq!(
                    last.end.div_ceil(8),
                    stream.len(),
                    "level {level}, {} bytes",
                    raw.len()
                );
                assert_eq!(stream[last.start / 8] >> (last.start % 8) & 1, 1);
                assert_eq!(last_block_as_made(&stream), Some(last));
            }
        }
    }

    #[test]
    fn a_stream_that_is_cut_short_has_no_last_block() {
        let stream = zlib(&b"the quick brown fox ".repeat(40), 6);
        for length in 0..stream.len() {
            assert_eq!(last_block(&stream[..length]), None, "{length}");
        }
    }

    /// Of each string the first bit first.
    fn bits(strings: &[&str]) -> Vec<u8> {
        let bits: Vec<_> = strings.concat().bytes().map(|bit| bit - b'0').collect();
        bits.chunks(8)
            .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit))
            .collect()
    }

    #[test]
    fn a_block_whose_end_is_a_code_of_zeros_is_walked() {
        // The last block, of 258 symbols and one distance, and how long the codes of lengths are: of 138 and 118 zeros, and of one.
        let unused = "000".repeat(14);
        let head = [
            "1", "01", "10000", "00000", "0111", "000000", "100", &unused, "100",
        ];
        let lengths = ["11111111", "11101011", "0", "0", "0"];
        let two_matches_and_the_end = ["10", "10", "0"];
        let stream = bits(&[&head[..], &lengths, &two_matches_and_the_end].concat());
        let last = last_block(&stream);
        assert_eq!(last, Some(Last { start: 0, end: 95 }));
        assert_eq!(last_block_as_made(&stream), last);
    }

    proptest! {
        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = last_block(&noise);
            let _ = last_block_as_made(&noise);
        }

        #[test]
        fn the_end_that_a_compressor_made_is_where_a_walk_arrives(
            words in proptest::collection::vec(prop_oneof!["[a-e]{1,8}", "[ -~]{0,30}"], 0..2000),
            noise in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let level = libdeflater::CompressionLvl::new(6).unwrap();
            let raw = [words.concat().as_bytes(), &noise[..]].concat();
            let mut stream = vec![0; raw.len() + 1000];
            let made = libdeflater::Compressor::new(level).deflate_compress(&raw, &mut stream);
            stream.truncate(made.unwrap());
            prop_assert!(last_block(&stream).is_some());
            prop_assert_eq!(last_block_as_made(&stream), last_block(&stream));
        }
    }
}
