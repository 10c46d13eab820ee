//! The file: one process type per line, `name: command`.

use toolkit::{Failure, Result};

/// One process type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// As written, continuation lines joined.
    pub(crate) command: String,
    /// Where it stands, counted from 1; the first one of several joined lines.
    pub(crate) line: usize,
}

/// A Procfile's process types in the order of the file; each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
    /// Those that a later line of the same name replaced.
    pub(crate) replaced: Vec<Entry>,
}

/// Reads a Procfile; `file` is its name for messages.
///
/// A line is `name: command` with letters, digits, `_` and `-` in the name. Empty lines and lines that begin with `#` are
/// left out, a backslash at the end joins the next line, line ends may be Windows' own.
pub(crate) fn parse(text: &str, file: &str) -> Result<Entries> {
    let mut found = Entries::default();
    for (line, text) in logical_lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let entry = entry(&text, line, file)?;
        let same = found
            .entries
            .iter()
            .position(|earlier| earlier.name == entry.name);
        if let Some(position) = same {
            found.replaced.push(found.entries.remove(position));
        }
        found.entries.push(entry);
    }
    Ok(found)
}

/// Lines with something in them, joined where they end in a backslash, with the number of their first part.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, mut joined) = match open.take() {
            Some((number, start)) => (number, format!("{start}{}", line.trim_start())),
            None if is_blank(line) => continue,
            None => (index + 1, line.trim_start().to_owned()),
        };
        joined.truncate(joined.trim_end().len());
        match joined.strip_suffix('\\') {
            Some(start) => open = Some((number, start.to_owned())),
            None => lines.push((number, joined)),
        }
    }
    lines.extend(open);
    lines
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn entry(text: &str, line: usize, file: &str) -> Result<Entry> {
    let wrong = |code, what: &str| {
        Failure::new(code, format!("{file} has {what} in line {line}"))
            .at(format!("{file}:{line}  {text}"))
            .help("write one process type per line: web: gunicorn app:app")
    };
    let Some((name, command)) = text.split_once(':') else {
        return Err(wrong("SLP-SRC-101", "no `name: command`"));
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(wrong("SLP-SRC-101", "no `name: command`"));
    }
    if command.trim().is_empty() {
        return Err(wrong("SLP-SRC-102", "a process type without a command"));
    }
    Ok(Entry {
        name: name.to_owned(),
        command: command.trim().to_owned(),
        line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str, usize)]) {
        let found = parse(text, "Procfile").unwrap();
        let found: Vec<_> = found
            .entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.command.as_str(), entry.line))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn comments_blank_lines_windows_line_ends_and_a_byte_order_mark_are_put_up_with() {
        check(
            "\u{feff}# processes\r\n\r\nweb: gunicorn app:app\r\n  worker:python worker.py  \n",
            &[
                ("web", "gunicorn app:app", 3),
                ("worker", "python worker.py", 4),
            ],
        );
    }

    #[test]
    fn a_backslash_at_the_end_joins_the_next_line() {
        check(
            "web: gunicorn \\\n  --bind :$PORT \\\n  app:app\nclock: python clock.py\n",
            &[
                ("web", "gunicorn --bind :$PORT app:app", 1),
                ("clock", "python clock.py", 4),
            ],
        );
        check("web: a \\", &[("web", "a", 1)]);
    }

    #[test]
    fn the_last_of_several_lines_with_one_name_counts() {
        let found = parse("web: a\nworker: b\nweb: c\n", "Procfile").unwrap();
        let names: Vec<_> = found.entries.iter().map(|e| e.command.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
        assert_eq!(found.replaced[0].line, 1);
    }

    #[test]
    fn a_line_that_is_no_process_type_is_named_with_its_number() {
        for (text, code, line) in [
            (
                "web: a\ngunicorn app\n",
                "SLP-SRC-101",
                "Procfile:2  gunicorn app",
            ),
            ("we b: a\n", "SLP-SRC-101", "Procfile:1  we b: a"),
            ("\nweb:\n", "SLP-SRC-102", "Procfile:2  web:"),
        ] {
            let failure = parse(text, "Procfile").unwrap_err();
            assert_eq!(failure.code(), code);
            assert!(failure.to_string().contains(line), "{failure}");
        }
    }
}
