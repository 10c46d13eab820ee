//! The paragraph format of Debian control files (deb822), as far as indexes and packages use it.

use std::io::{self, BufRead};

/// One paragraph: fields in the order they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Paragraph {
    fields: Vec<(String, String)>,
}

impl Paragraph {
    /// The only paragraph of a text such as a package's `control`.
    pub(crate) fn parse(text: &str) -> io::Result<Paragraph> {
        let mut reader = Paragraphs::new(text.as_bytes());
        Ok(reader.next()?.unwrap_or_default())
    }

    /// A field's value; names ignore case. Continuation lines are kept with their line breaks, without the leading space.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Paragraphs of a stream, one at a time, so that an index of 60,000 packages is never held whole.
pub(crate) struct Paragraphs<R> {
    reader: R,
    line: Vec<u8>,
}

/// Longest line that is read; the longest real ones (dependencies, file lists) have some 10 kB.
const LINE_LIMIT: u64 = 1 << 20;

impl<R: BufRead> Paragraphs<R> {
    pub(crate) fn new(reader: R) -> Paragraphs<R> {
        Paragraphs {
            reader,
            line: Vec::new(),
        }
    }

    /// The next paragraph; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Paragraph>> {
        let mut paragraph = Paragraph::default();
        loop {
            let Some(line) = self.line()? else {
                return Ok((!paragraph.fields.is_empty()).then_some(paragraph));
            };
            if line.trim_ascii_end().is_empty() {
                if paragraph.fields.is_empty() {
                    continue;
                }
                return Ok(Some(paragraph));
            }
            if line.starts_with('#') {
                continue;
            }
            if let Some(more) = line.strip_prefix([' ', '\t']) {
                let Some((_, value)) = paragraph.fields.last_mut() else {
                    return Err(invalid("a continuation line without a field"));
                };
                value.push('\n');
                value.push_str(more.trim_ascii_end());
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(invalid("a line without a colon"));
            };
            paragraph
                .fields
                .push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn line(&mut self) -> io::Result<Option<&str>> {
        use io::Read;
        self.line.clear();
        let mut limited = self.reader.by_ref().take(LINE_LIMIT);
        limited.read_until(b'\n', &mut self.line)?;
        if u64::try_from(self.line.len()).unwrap_or(LINE_LIMIT) == LINE_LIMIT {
            return Err(invalid("a line that never ends"));
        }
        if self.line.is_empty() {
            return Ok(None);
        }
        let text =
            std::str::from_utf8(&self.line).map_err(|_| invalid("text that is not UTF-8"))?;
        Ok(Some(text.strip_suffix('\n').unwrap_or(text)))
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Paragraph, Paragraphs};

    fn read(text: &str) -> Vec<Paragraph> {
        let mut reader = Paragraphs::new(text.as_bytes());
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn paragraphs_are_separated_by_empty_lines() {
        let text = "\nPackage: a\nVersion: 1\n# a remark\nDescription: short\n long\n .\n\n  \nPackage: b\nEmpty:\n";
        let found = read(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].get("package"), Some("a"));
        assert_eq!(found[0].get("Description"), Some("short\nlong\n."));
        assert_eq!(found[1].get("Empty"), Some(""));
        assert_eq!(found[1].get("Version"), None);
    }

    #[test]
    fn nonsense_is_an_error() {
        let fails = |text: &[u8]| Paragraphs::new(text).next().is_err();
        assert!(fails(b" no field before me\n"));
        assert!(fails(b"no colon\n"));
        assert!(fails(b"Bad: \xff\xfe\n"));
        assert!(fails(&vec![b'x'; 2 << 20]));
        assert!(!fails(b""));
    }
}
