//! `/etc/ld.so.cache`: which file has which shared library. Without it `ctypes.util.find_library` finds nothing.
//!
//! Source: glibc `elf/cache.c`, `sysdeps/generic/dl-cache.h`, the format `glibc-ld.so.cache1.1`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;

use crate::elf;
use crate::error::Result;
use crate::tree::{Kind, Tree, as_path, failed};

/// Folders the loader knows without being told, after those of `ld.so.conf`.
const DEFAULTS: [&str; 2] = ["/lib", "/usr/lib"];

/// Writes the cache and the links it needs; returns the names of all libraries in it.
pub(super) fn write(tree: &mut Tree) -> Result<BTreeSet<String>> {
    if !tree.has("etc/ld.so.conf") {
        return Ok(BTreeSet::new());
    }
    let mut seen = BTreeSet::new();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders(tree)? {
        let real = real(&folder);
        if !seen.insert(real.clone()) {
            continue;
        }
        for (soname, file) in libraries(tree, &real)? {
            let link = format!("{real}/{soname}");
            if !tree.has(&link) {
                tree.add_link(&link, &file)?;
            }
            found
                .entry(soname.clone())
                .or_insert(format!("{folder}/{soname}"));
        }
    }
    tree.add_file("etc/ld.so.cache", &cache(&found), 0o644)?;
    Ok(found.into_keys().collect())
}

/// Absolute, in the order in which the loader looks.
fn folders(tree: &Tree) -> Result<Vec<String>> {
    let mut folders = Vec::new();
    for line in tree.text("etc/ld.so.conf")?.lines() {
        if line.trim_start().starts_with("include") {
            let files: Vec<Vec<u8>> = tree
                .below("etc/ld.so.conf.d")
                .filter(|(path, _)| path.ends_with(b".conf"))
                .map(|(path, _)| path.to_vec())
                .collect();
            for file in files {
                let text = tree.read(&file)?.unwrap_or_default();
                folders.extend(named(&String::from_utf8_lossy(&text)));
            }
        } else {
            folders.extend(named(line));
        }
    }
    folders.extend(DEFAULTS.map(str::to_owned));
    Ok(folders)
}

fn named(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| line.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// Where an absolute folder lies in a merged `/usr`, relative.
fn real(folder: &str) -> String {
    let relative = folder.trim_matches('/');
    match relative.split('/').next() {
        Some("lib" | "lib64") => format!("usr/{relative}"),
        _ => relative.to_owned(),
    }
}

/// Libraries directly in a folder: soname → name of the file that has it. Of several files the last name wins, as in ldconfig.
fn libraries(tree: &Tree, folder: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (path, node) in tree.below(folder) {
        let name = path.get(folder.len() + 1..).unwrap_or_default();
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        let is_library =
            (name.starts_with("lib") || name.starts_with("ld-")) && name.contains(".so");
        if name.contains('/') || !is_library || !matches!(node.kind, Kind::File(_)) {
            continue;
        }
        let file = tree.root.file(as_path(path)).map_err(failed)?;
        let read = |at, buffer: &mut [u8]| file.read_exact_at(buffer, at);
        if let Some(soname) = elf::soname(&read) {
            found.insert(soname, name.to_owned());
        }
    }
    Ok(found)
}

/// The bytes of a cache without extensions: nothing in it depends on who made it.
fn cache(libraries: &BTreeMap<String, String>) -> Vec<u8> {
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    /// `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64`.
    const FLAGS: u32 = 0x0303;
    let mut sorted: Vec<(&String, &String)> = libraries.iter().collect();
    sorted.sort_by(|(one, _), (other, _)| compare(other.as_bytes(), one.as_bytes()));
    let mut entries = Vec::new();
    let mut strings = Vec::new();
    let first = HEADER + ENTRY * sorted.len();
    for (soname, path) in sorted {
        let value = first + strings.len();
        // A name is the end of its path, so it needs no bytes of its own.
        let key = value + path.len() - soname.len();
        entries.extend(FLAGS.to_le_bytes());
        entries.extend(word(key));
        entries.extend(word(value));
        entries.extend([0; 12]);
        strings.extend(path.as_bytes());
        strings.push(0);
    }
    let mut bytes = b"glibc-ld.so.cache1.1".to_vec();
    bytes.extend(word(libraries.len()));
    bytes.extend(word(strings.len()));
    // Little endian, no extensions.
    bytes.extend([2, 0, 0, 0]);
    bytes.extend([0; 16]);
    bytes.extend(entries);
    bytes.extend(strings);
    bytes
}

fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// The loader's order, in which it searches: numbers by value, after everything else.
fn compare(mut one: &[u8], mut other: &[u8]) -> Ordering {
    loop {
        match (one.first(), other.first()) {
            (None, None) => return Ordering::Equal,
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (value, rest) = number(one);
                let (other_value, other_rest) = number(other);
                if value != other_value {
                    return value.cmp(&other_value);
                }
                (one, other) = (rest, other_rest);
            }
            (Some(a), _) if a.is_ascii_digit() => return Ordering::Greater,
            (_, Some(b)) if b.is_ascii_digit() => return Ordering::Less,
            (a, b) if a != b => return a.cmp(&b),
            _ => {
                (one, other) = (
                    one.get(1..).unwrap_or_default(),
                    other.get(1..).unwrap_or_default(),
                );
            }
        }
    }
}

fn number(bytes: &[u8]) -> (u64, &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    let (digits, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    let value = digits.iter().fold(0u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    (value, rest)
}

#[cfg(test)]
mod tests {
    use super::{cache, compare};
    use std::cmp::Ordering::{Equal, Greater, Less};

    /// What the loader would read: names and paths in the order of the file.
    fn decoded(bytes: &[u8]) -> Vec<(String, String)> {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let text = |at: usize| {
            let end = bytes[at..].iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(bytes[at..at + end].to_vec()).unwrap()
        };
        assert_eq!(&bytes[..20], b"glibc-ld.so.cache1.1");
        (0..word(20))
            .map(|index| 48 + 24 * index)
            .map(|at| (text(word(at + 4)), text(word(at + 8))))
            .collect()
    }

    #[test]
    fn what_is_written_is_what_the_loader_reads() {
        let names = [
            "libz.so.1",
            "libc.so.6",
            "libfoo.so.10",
            "libfoo.so.9",
            "ld-linux-x86-64.so.2",
        ];
        let libraries = names
            .map(|name| (name.to_owned(), format!("/lib/x86_64-linux-gnu/{name}")))
            .into();
        let found = decoded(&cache(&libraries));
        let order: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            order,
            [
                "libz.so.1",
                "libfoo.so.10",
                "libfoo.so.9",
                "libc.so.6",
                "ld-linux-x86-64.so.2"
            ]
        );
        assert!(found.iter().all(|(name, path)| libraries[name] == *path));
    }

    #[test]
    fn names_are_compared_as_the_loader_compares_them() {
        for (one, other, expected) in [
            ("libfoo.so.9", "libfoo.so.10", Less),
            ("libfoo.so.1", "libfoo.so.a", Greater),
            ("libfoo.so", "libfoo.so.1", Less),
            ("liba.so", "libb.so", Less),
            ("liba.so", "liba.so", Equal),
        ] {
            assert_eq!(
                compare(one.as_bytes(), other.as_bytes()),
                expected,
                "{one} {other}"
            );
        }
    }
}
