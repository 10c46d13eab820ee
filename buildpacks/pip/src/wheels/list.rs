//! What an entry of the wheel store consists of (docs/formats/wheels.md).

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use toolkit::{Result, sha256};

use super::{failed, take};

const HEAD: &str = "wheel 1";

/// One file of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// Below the folder of the layer; names only.
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) executable: bool,
    pub(super) size_bytes: u64,
}

/// The files of an entry, sorted by their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(super) files: Vec<File>,
}

impl List {
    /// Reads files as they are in the finished layer.
    pub(super) fn of(layer: &Path, paths: &[PathBuf]) -> Result<List> {
        let files = take::parallel(paths, |path| {
            let file = layer.join(path);
            let meta =
                fs::symlink_metadata(&file).map_err(|error| failed("looking at", &file, &error))?;
            let opened = fs::File::open(&file).map_err(|error| failed("opening", &file, &error))?;
            let sha256 =
                toolkit::sha256_of(opened).map_err(|error| failed("reading", &file, &error))?;
            Ok(File {
                path: path.clone(),
                sha256,
                executable: meta.permissions().mode() & 0o111 != 0,
                size_bytes: meta.len(),
            })
        })?;
        Ok(List { files })
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.path)
    }

    /// `layer` is the name of the one in which the files are.
    pub(super) fn to_text(&self, layer: &str) -> String {
        let bytes: u64 = self.files.iter().map(|file| file.size_bytes).sum();
        let mut text = format!("{HEAD} {bytes} {layer}\n");
        for file in &self.files {
            let mode = if file.executable { 'x' } else { '-' };
            let _ = writeln!(
                text,
                "{} {mode} {} {}",
                file.sha256,
                file.size_bytes,
                file.path.display()
            );
        }
        let end = sha256(text.as_bytes());
        let _ = writeln!(text, "end {end}");
        text
    }

    /// `None` when any byte of it is not as it was written.
    pub(super) fn parse(text: &str) -> Option<List> {
        let (body, end) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let body = text.get(..=body.len())?;
        if end.strip_prefix("end ")? != sha256(body.as_bytes()) {
            return None;
        }
        let mut lines = body.lines();
        lines.next()?.strip_prefix(HEAD)?.strip_prefix(' ')?;
        let files: Vec<File> = lines.map(line).collect::<Option<_>>()?;
        let sorted = files.is_sorted_by(|one, other| one.path < other.path);
        sorted.then_some(List { files })
    }
}

fn line(line: &str) -> Option<File> {
    let mut words = line.splitn(4, ' ');
    let (sha256, mode, size) = (words.next()?, words.next()?, words.next()?);
    let path = PathBuf::from(words.next()?);
    Some(File {
        sha256: sha256.to_owned(),
        executable: match mode {
            "x" => true,
            "-" => false,
            _ => return None,
        },
        size_bytes: size.parse().ok()?,
        path: is_sane(&path).then_some(path)?,
    })
}

/// Names only, none of which could be taken for another line of a list.
pub(super) fn is_sane(path: &Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    let names = path
        .components()
        .all(|name| matches!(name, Component::Normal(_)));
    let clean = !text.contains("//") && !text.ends_with('/') && !text.contains(char::is_control);
    !text.is_empty() && text.trim() == text && names && clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        let file = |path: &str, executable| File {
            path: path.into(),
            sha256: sha256(path.as_bytes()),
            executable,
            size_bytes: 7,
        };
        List {
            files: vec![file("bin/a b", true), file("lib/c.py", false)],
        }
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_with_any_other_byte_not_at_all() {
        let text = list().to_text("venv");
        assert!(text.starts_with("wheel 1 14 venv\n"), "{text}");
        assert_eq!(List::parse(&text), Some(list()));
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let other = String::from_utf8(bytes).unwrap();
            assert_eq!(List::parse(&other), None, "byte {place}");
            assert_eq!(
                List::parse(text.get(..place).unwrap()),
                None,
                "cut at {place}"
            );
        }
    }

    #[test]
    fn a_path_that_leads_out_or_could_be_mistaken_is_none() {
        for path in [
            "", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\nb", " a", "a ",
        ] {
            assert!(!is_sane(Path::new(path)), "{path:?}");
        }
        assert!(is_sane(Path::new("lib/python3.13/a b.py")));
    }
}
