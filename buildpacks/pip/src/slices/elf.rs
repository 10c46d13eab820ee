//! Where a shared object or program looks for its libraries, from its ELF headers. Source: System V ABI, chapters 4 and 5.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Segments and entries that are looked at; no linker makes more.
const SEGMENTS: u64 = 256;
const ENTRIES: u64 = 4096;
/// The longest search path that is read.
const TEXT_BYTES: usize = 16 * 1024;

/// The entries of `DT_RPATH` and `DT_RUNPATH` of a 64-bit little-endian file; none for anything else, broken files included.
pub(super) fn search_paths(path: &Path) -> Vec<String> {
    File::open(path)
        .ok()
        .and_then(|file| read(&file))
        .unwrap_or_default()
}

fn read(file: &File) -> Option<Vec<String>> {
    const PT_LOAD: u64 = 1;
    const PT_DYNAMIC: u64 = 2;
    const DT_STRTAB: u64 = 5;
    const DT_RPATH: u64 = 15;
    const DT_RUNPATH: u64 = 29;
    let header: [u8; 64] = bytes(file, 0)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (
        number(&header, 32, 8)?,
        number(&header, 54, 2)?,
        number(&header, 56, 2)?,
    );
    let mut loads = Vec::new();
    let mut dynamic = None;
    for index in 0..count.min(SEGMENTS) {
        let segment: [u8; 56] = bytes(file, table.checked_add(index * size)?)?;
        let field = |at| number(&segment, at, 8);
        let (offset, address, length) = (field(8)?, field(16)?, field(32)?);
        match number(&segment, 0, 4)? {
            PT_LOAD => loads.push((address, offset, length)),
            PT_DYNAMIC => dynamic = Some((offset, length)),
            _ => {}
        }
    }
    let (offset, length) = dynamic?;
    let (mut strings, mut texts) = (None, Vec::new());
    for index in 0..(length / 16).min(ENTRIES) {
        let entry: [u8; 16] = bytes(file, offset.checked_add(index * 16)?)?;
        let value = number(&entry, 8, 8)?;
        match number(&entry, 0, 8)? {
            0 => break,
            DT_STRTAB => strings = Some(value),
            DT_RPATH | DT_RUNPATH => texts.push(value),
            _ => {}
        }
    }
    let strings = strings?;
    let (address, offset, _) = loads
        .into_iter()
        .find(|(address, _, length)| strings >= *address && strings - address < *length)?;
    let table = offset.checked_add(strings - address)?;
    let mut paths = Vec::new();
    for at in texts {
        let text = text(file, table.checked_add(at)?)?;
        paths.extend(text.split(':').map(str::to_owned));
    }
    Some(paths)
}

/// A text that ends with a zero.
fn text(file: &File, at: u64) -> Option<String> {
    let mut buffer = vec![0; TEXT_BYTES];
    let mut filled = 0;
    while filled < buffer.len() {
        let read = file
            .read_at(buffer.get_mut(filled..)?, at.checked_add(filled as u64)?)
            .ok()?;
        let end = filled + read;
        if let Some(length) = buffer.get(filled..end)?.iter().position(|byte| *byte == 0) {
            buffer.truncate(filled + length);
            return String::from_utf8(buffer).ok();
        }
        if read == 0 {
            return None;
        }
        filled = end;
    }
    None
}

fn bytes<const N: usize>(file: &File, at: u64) -> Option<[u8; N]> {
    let mut buffer = [0; N];
    file.read_exact_at(&mut buffer, at).ok()?;
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
