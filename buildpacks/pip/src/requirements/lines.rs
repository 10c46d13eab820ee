//! From lines of a file to lines of meaning: joined where they end in a backslash, comments removed.

/// The lines that say something, each with the number of its first part, counted from 1.
pub(super) fn logical(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, joined) = open.take().unwrap_or((index + 1, String::new()));
        // As pip does: a comment ends a joined line, even when a backslash stands at its end.
        let comment = comment_start(line);
        match line.strip_suffix('\\') {
            Some(start) if comment.is_none() => open = Some((number, joined + start)),
            _ => {
                let text = line.get(..comment.unwrap_or(line.len())).unwrap_or(line);
                found.push((number, joined + text));
            }
        }
    }
    found.extend(open);
    found
        .into_iter()
        .map(|(number, text)| (number, text.trim().to_owned()))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// A `#` at the beginning or after a blank; `package#egg=x` is none.
fn comment_start(line: &str) -> Option<usize> {
    let mut before = None;
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_none_or(char::is_whitespace) {
            return Some(at);
        }
        before = Some(c);
    }
    None
}
