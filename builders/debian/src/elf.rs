//! The name a shared library gives itself, from its ELF headers. Source: System V ABI, chapters 4 and 5.

use std::io;

/// Reads bytes at an offset, all of them or an error.
pub(crate) type ReadAt<'a> = dyn Fn(u64, &mut [u8]) -> io::Result<()> + 'a;

/// `DT_SONAME` of a 64-bit little-endian x86 shared library; `None` for anything else, broken files included.
pub(crate) fn soname(read: &ReadAt<'_>) -> Option<String> {
    const EM_X86_64: u64 = 62;
    const PT_LOAD: u64 = 1;
    const PT_DYNAMIC: u64 = 2;
    const DT_STRTAB: u64 = 5;
    const DT_SONAME: u64 = 14;
    let header: [u8; 64] = bytes(read, 0)?;
    if !header.starts_with(b"\x7fELF\x02\x01") || number(&header, 18, 2)? != EM_X86_64 {
        return None;
    }
    let (table, size, count) = (
        number(&header, 32, 8)?,
        number(&header, 54, 2)?,
        number(&header, 56, 2)?,
    );
    let mut loads = Vec::new();
    let mut dynamic = None;
    for index in 0..count.min(64) {
        let segment: [u8; 56] = bytes(read, table.checked_add(index * size)?)?;
        let field = |at| number(&segment, at, 8);
        let (offset, address, length) = (field(8)?, field(16)?, field(32)?);
        match number(&segment, 0, 4)? {
            PT_LOAD => loads.push((address, offset, length)),
            PT_DYNAMIC => dynamic = Some((offset, length)),
            _ => {}
        }
    }
    let (offset, length) = dynamic?;
    let (mut strings, mut name) = (None, None);
    for index in 0..(length / 16).min(4096) {
        let entry: [u8; 16] = bytes(read, offset.checked_add(index * 16)?)?;
        let value = number(&entry, 8, 8)?;
        match number(&entry, 0, 8)? {
            0 => break,
            DT_STRTAB => strings = Some(value),
            DT_SONAME => name = Some(value),
            _ => {}
        }
    }
    let strings = strings?;
    let (address, offset, _) = loads
        .into_iter()
        .find(|(address, _, length)| strings >= *address && strings - address < *length)?;
    text(
        read,
        offset.checked_add(strings - address)?.checked_add(name?)?,
    )
}

/// A name that ends with a zero; plain characters only, without a slash.
fn text(read: &ReadAt<'_>, at: u64) -> Option<String> {
    let mut text = String::new();
    for index in 0..256 {
        let [byte]: [u8; 1] = bytes(read, at.checked_add(index)?)?;
        match byte {
            0 => return (!text.is_empty()).then_some(text),
            b'/' => return None,
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => return None,
        }
    }
    None
}

fn bytes<const N: usize>(read: &ReadAt<'_>, at: u64) -> Option<[u8; N]> {
    let mut buffer = [0; N];
    read(at, &mut buffer).ok()?;
    Some(buffer)
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let digits = bytes.get(at..at + width)?;
    Some(
        digits
            .iter()
            .rev()
            .fold(0, |number, digit| (number << 8) | u64::from(*digit)),
    )
}
