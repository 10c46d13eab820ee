//! One file out of a wheel, which is a zip archive.
//!
//! Only what a wheel of uv needs: stored or deflated entries, sizes below 4 GiB. The archive's digest is checked before,
//! so nothing here defends against a hostile archive beyond not trusting its numbers.
//!
//! Spec: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::read::DeflateDecoder;
use toolkit::{Failure, Result};

/// uv is a tenth of this.
const LIMIT_BYTES: u64 = 512 * 1024 * 1024;

const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// Writes the entry `name` of the archive to `to`, executable.
pub(super) fn extract(archive: &Path, name: &str, to: &Path) -> Result<()> {
    let bytes = fs::read(archive).map_err(|error| failed("reading", archive, &error))?;
    let content = entry(&bytes, name).ok_or_else(|| {
        Failure::new(
            "SLP-PYT-114",
            format!("{} has no readable entry {name}", archive.display()),
        )
    })?;
    write(content, to).map_err(|error| failed("writing", to, &error))
}

/// Copies a wheel that lies on this machine, if it is the right one.
pub(super) fn copy_if_equal(from: &Path, sha256: &str, to: &Path) -> Result<bool> {
    let Ok(bytes) = fs::read(from) else {
        return Ok(false);
    };
    if toolkit::sha256(&bytes) != sha256 {
        return Ok(false);
    }
    toolkit::write(to, &bytes)?;
    Ok(true)
}

fn write(content: Box<dyn Read + '_>, to: &Path) -> io::Result<()> {
    let mut file = File::create(to)?;
    io::copy(&mut content.take(LIMIT_BYTES), &mut file)?;
    file.set_permissions(Permissions::from_mode(0o755))
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::internal(format!("{doing} {}", path.display()), error)
}

/// A reader of the entry's content; `None` when it is not there or in a form that is not read here.
fn entry<'a>(archive: &'a [u8], name: &str) -> Option<Box<dyn Read + 'a>> {
    let end = find_last(archive, END_OF_DIRECTORY)?;
    let count = u16_at(archive, end + 10)?;
    let mut at = usize::try_from(u32_at(archive, end + 16)?).ok()?;
    for _ in 0..count {
        if archive.get(at..at + 4)? != DIRECTORY_ENTRY {
            return None;
        }
        let [name_length, extra_length, comment_length] =
            [28, 30, 32].map(|field| u16_at(archive, at + field).map(usize::from));
        let found = archive.get(at + 46..at + 46 + name_length?)?;
        if found == name.as_bytes() {
            return content(archive, at);
        }
        at += 46 + name_length? + extra_length? + comment_length?;
    }
    None
}

/// The content that a directory entry points to.
fn content(archive: &[u8], entry: usize) -> Option<Box<dyn Read + '_>> {
    let method = u16_at(archive, entry + 10)?;
    let length = usize::try_from(u32_at(archive, entry + 20)?).ok()?;
    let header = usize::try_from(u32_at(archive, entry + 42)?).ok()?;
    let name_length = usize::from(u16_at(archive, header + 26)?);
    let extra_length = usize::from(u16_at(archive, header + 28)?);
    let start = header + 30 + name_length + extra_length;
    let bytes = archive.get(start..start.checked_add(length)?)?;
    match method {
        0 => Some(Box::new(bytes)),
        8 => Some(Box::new(DeflateDecoder::new(bytes))),
        _ => None,
    }
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .rposition(|window| window == wanted)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// An archive with one entry, as far as it is read here.
    fn archive(name: &str, method: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let mut bytes = vec![0; 26];
        bytes.extend(name_length);
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        let directory = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut entry = vec![0; 46];
        entry[..4].copy_from_slice(DIRECTORY_ENTRY);
        entry[10..12].copy_from_slice(&method.to_le_bytes());
        entry[20..24].copy_from_slice(&length);
        entry[28..30].copy_from_slice(&name_length);
        bytes.extend(entry);
        bytes.extend(name.as_bytes());
        let mut end = vec![0; 22];
        end[..4].copy_from_slice(END_OF_DIRECTORY);
        end[10] = 1;
        end[16..20].copy_from_slice(&directory);
        bytes.extend(end);
        bytes
    }

    fn read(archive: &[u8], name: &str) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        entry(archive, name)?.read_to_end(&mut found).ok()?;
        Some(found)
    }

    #[test]
    fn stored_and_deflated_entries_are_read_and_others_refused() {
        assert_eq!(
            read(&archive("a/uv", 0, b"plain"), "a/uv").unwrap(),
            b"plain"
        );
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"squeezed").unwrap();
        let squeezed = encoder.finish().unwrap();
        assert_eq!(
            read(&archive("uv", 8, &squeezed), "uv").unwrap(),
            b"squeezed"
        );
        assert_eq!(read(&archive("uv", 12, b"x"), "uv"), None);
        assert_eq!(read(&archive("uv", 0, b"x"), "other"), None);
        assert_eq!(read(b"no zip at all", "uv"), None);
        let whole = archive("uv", 0, b"plain");
        assert_eq!(read(&whole[10..], "uv"), None);
    }
}
