//! Paths as texts: Go's `path.Clean`, `path.Join` and `path.Split`, on bytes.

/// The shortest text that names the same path: no `.`, no doubled slash, `..` resolved where it can be.
pub(crate) fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if names.last().is_some_and(|last| *last != b"..") => {
                names.pop();
            }
            b".." if rooted => {}
            name => names.push(name),
        }
    }
    let path = names.join(&b'/');
    match (rooted, path.is_empty()) {
        (true, _) => [b"/", &path[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => path,
    }
}

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        Vec::new()
    } else {
        clean(&parts.join(&b'/'))
    }
}

/// The directory with its slash, and the name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(
        path.iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1),
    )
}

/// An untrusted path for a message: printable, and not longer than a line or two.
pub(crate) fn shown(path: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(path.get(..LONGEST).unwrap_or(path))
        .escape_debug()
        .to_string();
    if path.len() > LONGEST {
        format!("{text}…")
    } else {
        text
    }
}
