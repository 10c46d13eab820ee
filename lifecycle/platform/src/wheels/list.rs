//! What an entry consists of, as untrusted input (docs/formats/wheels.md).

use std::path::{Component, Path};

use oci::Digest;

/// Of one list; that of the largest wheel we know takes a tenth.
pub(super) const MOST_BYTES: u64 = 32 << 20;
const HEAD: &str = "wheel 1 ";

/// The files of an entry, as a text says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List<'a> {
    pub(super) text: &'a str,
    /// The layer in which the files are.
    pub(super) layer: &'a str,
    pub(super) files: Vec<File<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct File<'a> {
    /// Names only.
    pub(super) path: &'a Path,
    pub(super) digest: Digest,
    pub(super) executable: bool,
    pub(super) size_bytes: u64,
}

impl List<'_> {
    /// `None` unless every byte is as the format wants it.
    pub(super) fn parse(text: &str) -> Option<List<'_>> {
        let (body, end) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let body_with_end = text.get(..=body.len())?;
        let digest = Digest::of(body_with_end.as_bytes()).hex();
        let mut lines = body.lines();
        let (bytes, layer) = lines.next()?.strip_prefix(HEAD)?.split_once(' ')?;
        let files: Vec<File<'_>> = lines.map(file).collect::<Option<_>>()?;
        let sorted = files.is_sorted_by(|one, other| one.path < other.path);
        let sum = files
            .iter()
            .try_fold(0_u64, |sum, file| sum.checked_add(file.size_bytes))?;
        let sound = end.strip_prefix("end ")? == digest && sorted && bytes.parse() == Ok(sum);
        sound.then_some(List { text, layer, files })
    }
}

fn file(line: &str) -> Option<File<'_>> {
    let mut words = line.splitn(4, ' ');
    let (digest, mode, size) = (words.next()?, words.next()?, words.next()?);
    let path = Path::new(words.next()?);
    let names = path
        .components()
        .all(|name| matches!(name, Component::Normal(_)));
    Some(File {
        digest: Digest::from_hex(digest).ok()?,
        executable: match mode {
            "x" => true,
            "-" => false,
            _ => return None,
        },
        size_bytes: size.parse().ok()?,
        path: (names && path.file_name().is_some()).then_some(path)?,
    })
}
