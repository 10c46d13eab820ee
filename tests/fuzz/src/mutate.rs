//! Changes of samples, blind to what they mean but not to how numbers look.

use crate::Random;

/// Longer inputs are cut.
pub(crate) const INPUT_BYTES: usize = 256 << 10;

const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x10_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];
const BLOCK: usize = 512;

/// One to eight changes; `other` is another sample.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(8) {
        change(input, other, random);
    }
    input.truncate(INPUT_BYTES);
}

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if input.is_empty() {
        input.extend_from_slice(other);
        return;
    }
    let at = place(input.len(), random);
    match random.below(11) {
        0 => input[at] ^= 1 << random.below(8),
        1 => input[at] = random.number().to_le_bytes()[0],
        2 => number(input, at, random),
        3 => digits(input, at, random),
        4 => input.truncate(at),
        5 => drop(input.drain(at..end(at, input.len(), random))),
        6 => {
            let copy = input[at..end(at, input.len(), random)].to_vec();
            let to = place(input.len(), random);
            input.splice(to..to, copy);
        }
        7 => {
            let copy = input[at..end(at, input.len(), random)].to_vec();
            let to = place(input.len(), random);
            let over = &mut input[to..];
            let count = copy.len().min(over.len());
            over[..count].copy_from_slice(&copy[..count]);
        }
        8 if !other.is_empty() => {
            let from = place(other.len(), random);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        9 => {
            let to = end(at, input.len(), random);
            let byte = [0, 0xff, b'0', b' '][random.index(4)];
            input[at..to].fill(byte);
        }
        _ => blocks(input, random),
    }
}

/// Near the start and the end as often as anywhere: that is where heads and indexes are.
fn place(length: usize, random: &mut Random) -> usize {
    let near = length.min(256);
    match random.below(4) {
        0 => random.index(near),
        1 => length - 1 - random.index(near),
        _ => random.index(length),
    }
}

fn end(at: usize, length: usize, random: &mut Random) -> usize {
    let most = match random.below(3) {
        0 => 8,
        1 => BLOCK,
        _ => 1 << 16,
    };
    (at + 1 + random.index(most)).min(length)
}

/// A number of one to eight bytes, in either order.
fn number(input: &mut [u8], at: usize, random: &mut Random) {
    let number = NUMBERS[random.index(NUMBERS.len())].wrapping_sub(random.below(3));
    let width = 1 << random.below(4);
    let mut bytes = number.to_le_bytes();
    if random.percent(30) {
        bytes[..width].reverse();
    }
    for (to, from) in input[at..].iter_mut().zip(&bytes[..width]) {
        *to = *from;
    }
}

/// Digits in a text, as sizes in tar headers and JSON are.
fn digits(input: &mut [u8], at: usize, random: &mut Random) {
    let found = input[at..].iter().position(u8::is_ascii_digit);
    let Some(start) = found.map(|found| at + found) else {
        return;
    };
    for byte in input[start..].iter_mut().take(24) {
        if byte.is_ascii_digit() {
            *byte = b"0179"[random.index(4)];
        }
    }
}

/// Whole tar blocks, moved and doubled.
fn blocks(input: &mut Vec<u8>, random: &mut Random) {
    let count = input.len() / BLOCK;
    if count == 0 {
        return;
    }
    let from = BLOCK * random.index(count);
    let block = input[from..from + BLOCK].to_vec();
    let to = BLOCK * random.index(count);
    if random.percent(50) {
        input.splice(to..to, block);
    } else {
        input[to..to + BLOCK].copy_from_slice(&block);
    }
}
