//! Fields of a 512-byte block, and records of a PAX header.

use super::{BLOCK, Format, NAME, PREFIX};

/// Magic, then the checksum over all.
pub(super) fn seal(block: &mut [u8; BLOCK], format: Format) {
    let magic: &[u8; 8] = if format.has(Format::GNU) {
        b"ustar  \0"
    } else {
        b"ustar\x0000"
    };
    block[257..265].copy_from_slice(magic);
    let sum: i64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                i64::from(*byte)
            }
        })
        .sum();
    put_octal(&mut block[148..155], sum);
    block[155] = b' ';
}

/// Copies what fits and ends it with NUL where there is room.
pub(super) fn put_text(field: &mut [u8], text: &[u8]) {
    let size = field.len();
    let count = size.min(text.len());
    field[..count].copy_from_slice(&text[..count]);
    if text.len() > size && field[size - 1] == b'/' {
        // Some readers take a file for a directory when the cut name ends in a slash.
        let end = text[..size - 1]
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |last| last + 1);
        field[end] = 0;
    }
}

/// Zero-padded octal with a NUL; zero when it does not fit.
pub(super) fn put_octal(field: &mut [u8], number: i64) {
    let number = if fits_octal(field.len(), number) {
        number
    } else {
        0
    };
    let Some((end, digits)) = field.split_last_mut() else {
        return;
    };
    *end = 0;
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b"01234567"[usize::try_from(rest & 7).unwrap_or(0)];
        rest >>= 3;
    }
}

pub(super) fn put_number(field: &mut [u8], number: i64) {
    if fits_octal(field.len(), number) || !fits_base256(field.len(), number) {
        return put_octal(field, number);
    }
    let fill = if number < 0 { 0xff } else { 0 };
    let bytes = number.to_be_bytes();
    for (at, slot) in field.iter_mut().rev().enumerate() {
        *slot = bytes
            .len()
            .checked_sub(at + 1)
            .map_or(fill, |index| bytes[index]);
    }
    field[0] |= 0x80;
}

pub(super) fn fits_octal(size: usize, number: i64) -> bool {
    number >= 0 && (size >= 22 || number < 1 << ((size - 1) * 3))
}

pub(super) fn fits_base256(size: usize, number: i64) -> bool {
    size >= 9 || (-(1 << ((size - 1) * 8))..1 << ((size - 1) * 8)).contains(&number)
}

/// Cuts a long path at a slash into what USTAR's two fields can hold.
pub(super) fn split_path(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME || !is_ascii(name) {
        return None;
    }
    let length = match name.len() {
        long if long > PREFIX + 1 => PREFIX + 1,
        length if name.ends_with(b"/") => length - 1,
        length => length,
    };
    let cut = name[..length].iter().rposition(|byte| *byte == b'/')?;
    let (prefix, suffix) = (&name[..cut], &name[cut + 1..]);
    let fits =
        !prefix.is_empty() && prefix.len() <= PREFIX && !suffix.is_empty() && suffix.len() <= NAME;
    fits.then_some((prefix, suffix))
}

pub(super) fn is_ascii(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte < 0x80 && *byte != 0)
}

pub(super) fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter()
        .copied()
        .filter(|byte| *byte < 0x80 && *byte != 0)
        .collect()
}

/// `"%d %s=%s\n"`, where the number counts itself.
pub(super) fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut size = rest + rest.to_string().len();
    if size.to_string().len() + rest != size {
        size = rest + size.to_string().len();
    }
    [size.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// Whether a PAX record can hold it; as lenient as Go.
pub(crate) fn is_valid_record(key: &[u8], value: &[u8]) -> bool {
    if key.is_empty() || key.contains(&b'=') {
        return false;
    }
    match key {
        b"path" | b"linkpath" | b"uname" | b"gname" => !value.contains(&0),
        _ => !key.contains(&0),
    }
}
