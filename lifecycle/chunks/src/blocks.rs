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
    let mut bits = Bits::new(stream);
    let mut codes = Codes::default();
    loop {
        let start = bits.position();
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => bits.skip_stored()?,
            1 => {
                codes.set_fixed()?;
                codes.skip_block(&mut bits)?;
            }
            2 => {
                codes.read(&mut bits)?;
                codes.skip_block(&mut bits)?;
            }
            _ => return None,
        }
        if last {
            return (bits.position() <= stream.len() * 8).then(|| Last {
                start,
                end: bits.position(),
            });
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
            let whole = (63 - self.filled) / 8;
            self.next += whole;
            self.filled += whole * 8;
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

    #[inline]
    fn drop(&mut self, count: usize) {
        self.ahead >>= count;
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
    symbols: Table,
    distances: Table,
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
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let symbols = bits.take(5)? + 257;
        let distances = bits.take(5)? + 1;
        if symbols > SYMBOLS || distances > DISTANCES {
            return None;
        }
        let count = bits.take(4)? + 4;
        let mut lengths = [0; 19];
        for place in &ORDER[..count] {
            lengths[*place] = u8::try_from(bits.take(3)?).ok()?;
        }
        self.symbols
            .build(&lengths, |symbol| Some((0, u8::try_from(symbol).ok()?)))?;
        if !self.symbols.is_complete() {
            return None;
        }
        let mut lengths = Vec::with_capacity(symbols + distances);
        while lengths.len() < symbols + distances {
            bits.fill()?;
            let Step {
                bits: length,
                value,
            } = self.symbols.step(bits)?;
            bits.drop(usize::from(length));
            let (length, times) = match value {
                0..=15 => (value, 1),
                16 => (*lengths.last()?, bits.take(2)? + 3),
                17 => (0, bits.take(3)? + 3),
                _ => (0, bits.take(7)? + 11),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        if lengths.len() != symbols + distances {
            return None;
        }
        self.symbols.build(&lengths[..symbols], symbol_step)?;
        self.distances.build(&lengths[symbols..], distance_step)?;
        [&self.symbols, &self.distances]
            .iter()
            .all(|table| table.is_complete() || table.is_tiny())
            .then_some(())
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
            ahead.drop(usize::from(symbol.bits));
            if symbol.value == END {
                *bits = ahead;
                return Some(());
            }
            let mut distance = self.distances.fast(&ahead);
            if distance.bits == 0 {
                distance = self.long_distance(symbol, &ahead)?;
            }
            ahead.drop(usize::from(distance.bits & symbol.value));
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

const FAST: usize = 10;
const LONGEST: usize = 15;

/// A canonical Huffman code: symbols of up to ten bits by one look-up, the few longer ones length by length.
struct Table {
    fast: Box<[Step; 1 << FAST]>,
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

impl Default for Table {
    fn default() -> Table {
        Table {
            fast: Box::new([Step::default(); 1 << FAST]),
            counts: [0; LONGEST + 1],
            sorted: Vec::new(),
        }
    }
}

impl Table {
    /// `step` gives extra bits and value of a symbol that stands for something. `None` when there are more codes than bits for them.
    fn build(&mut self, lengths: &[u8], step: impl Fn(usize) -> Option<(u8, u8)>) -> Option<()> {
        self.counts = [0; LONGEST + 1];
        for length in lengths {
            *self.counts.get_mut(usize::from(*length))? += 1;
        }
        self.counts[0] = 0;
        let mut first = [0; LONGEST + 2];
        let mut code = [0u32; LONGEST + 2];
        for length in 1..=LONGEST {
            first[length + 1] = first[length] + usize::from(self.counts[length]);
            code[length + 1] = (code[length] + u32::from(self.counts[length])) << 1;
            if code[length] + u32::from(self.counts[length]) > 1 << length {
                return None;
            }
        }
        self.sorted.clear();
        self.sorted.resize(first[LONGEST + 1], Step::default());
        self.fast.fill(Step::default());
        for (symbol, length) in lengths
            .iter()
            .enumerate()
            .filter(|(_, length)| **length > 0)
        {
            let bits = usize::from(*length);
            let step = step(symbol).map_or(Step::default(), |(extra, value)| Step {
                bits: *length + extra,
                value,
            });
            self.sorted[first[bits]] = step;
            first[bits] += 1;
            if bits <= FAST {
                let reversed = usize::try_from(code[bits].reverse_bits() >> (32 - bits)).ok()?;
                self.fast
                    .iter_mut()
                    .skip(reversed)
                    .step_by(1 << bits)
                    .for_each(|slot| *slot = step);
            }
            code[bits] += 1;
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
        if step.bits == 0 {
            self.long(bits.ahead)
        } else {
            Some(step)
        }
    }

    #[inline]
    fn fast(&self, bits: &Bits<'_>) -> Step {
        const MASK: u64 = (1 << FAST) - 1;
        usize::try_from(bits.ahead & MASK).map_or(Step::default(), |index| self.fast[index])
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
                    .filter(|step| step.bits > 0);
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

    proptest! {
        #[test]
        fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = last_block(&noise);
        }
    }
}
