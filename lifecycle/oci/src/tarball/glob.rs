//! Go's `filepath.Match`, on bytes: which names a pattern matches, and which patterns are none (only as far as they are tried).

/// The pattern breaks the syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPattern;

type Result<T> = std::result::Result<T, BadPattern>;

/// `*` and `?` match no slash; `[a-z]`, `[^a]` and `\` are understood. The whole name must match.
pub(crate) fn matches(mut pattern: &[u8], mut name: &[u8]) -> Result<bool> {
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = next_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        // The last chunk must use up the name.
        let enough = |left: &[u8]| left.is_empty() || !rest.is_empty();
        if let Some(left) = match_chunk(chunk, name)?.filter(|left| enough(left)) {
            name = left;
            continue;
        }
        if star {
            let in_component = name.iter().take_while(|byte| **byte != b'/').count();
            for skip in 1..=in_component {
                if let Some(left) = match_chunk(chunk, &name[skip..])?.filter(|left| enough(left)) {
                    name = left;
                    continue 'pattern;
                }
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether a star comes first, what must match after it, and the rest from the next star on.
fn next_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
    let pattern = &pattern[stars..];
    let (mut in_class, mut at) = (false, 0);
    while at < pattern.len() {
        match pattern[at] {
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    let (chunk, rest) = pattern.split_at(at.min(pattern.len()));
    (stars > 0, chunk, rest)
}

/// What is left of `name` after the chunk. A chunk is read to its end even when it cannot match any more.
fn match_chunk<'a>(mut chunk: &[u8], name: &'a [u8]) -> Result<Option<&'a [u8]>> {
    let mut left = Some(name);
    while let Some((first, rest)) = chunk.split_first() {
        left = left.filter(|left| !left.is_empty());
        match first {
            b'[' => {
                let (character, after) = left.map_or(('\0', &b""[..]), take_character);
                let (hit, rest) = match_class(rest, character)?;
                left = left.filter(|_| hit).map(|_| after);
                chunk = rest;
                continue;
            }
            b'?' => {
                left = left
                    .filter(|left| left[0] != b'/')
                    .map(|left| take_character(left).1);
            }
            b'\\' => {
                let (literal, rest) = rest.split_first().ok_or(BadPattern)?;
                left = left
                    .filter(|left| left[0] == *literal)
                    .map(|left| &left[1..]);
                chunk = rest;
                continue;
            }
            literal => {
                left = left
                    .filter(|left| left[0] == *literal)
                    .map(|left| &left[1..]);
            }
        }
        chunk = rest;
    }
    Ok(left)
}

/// Reads a class after its `[`; whether it holds the character, and what follows its `]`.
fn match_class(class: &[u8], character: char) -> Result<(bool, &[u8])> {
    let (negated, mut class) = match class.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, class),
    };
    let (mut hit, mut ranges) = (false, 0);
    loop {
        if let Some(rest) = class.strip_prefix(b"]").filter(|_| ranges > 0) {
            return Ok((hit != negated, rest));
        }
        let (low, rest) = class_character(class)?;
        class = rest;
        let mut high = low;
        if let Some(rest) = class.strip_prefix(b"-") {
            (high, class) = class_character(rest)?;
        }
        hit |= (low..=high).contains(&character);
        ranges += 1;
    }
}

fn class_character(class: &[u8]) -> Result<(char, &[u8])> {
    let class = match class {
        [] | [b'-' | b']', ..] => return Err(BadPattern),
        [b'\\', rest @ ..] => rest,
        class => class,
    };
    let (character, rest) = take_character(class);
    let broken = character == char::REPLACEMENT_CHARACTER && class.len() - rest.len() <= 1;
    if broken || rest.is_empty() {
        Err(BadPattern)
    } else {
        Ok((character, rest))
    }
}

/// The first character; a byte that is no UTF-8 is U+FFFD, as in Go.
fn take_character(text: &[u8]) -> (char, &[u8]) {
    for length in 1..=text.len().min(4) {
        if let Some(character) = std::str::from_utf8(&text[..length])
            .ok()
            .and_then(|text| text.chars().next())
        {
            return (character, &text[length..]);
        }
    }
    (
        char::REPLACEMENT_CHARACTER,
        text.get(1..).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: Result<bool>) {
        assert_eq!(
            matches(pattern.as_bytes(), name.as_bytes()),
            expected,
            "{pattern} {name}"
        );
    }

    /// The table of Go's own test of `filepath.Match`.
    #[test]
    fn it_agrees_with_go() {
        let bad = Err(BadPattern);
        for (pattern, name, expected) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "a", Ok(true)),
            ("a*", "abc", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*/b", "a/c/b", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", Ok(false)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Ok(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[e-g]", "abc", Ok(false)),
            ("ab[^c]", "abc", Ok(false)),
            ("ab[^b-d]", "abc", Ok(false)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("a???b", "a☺b", Ok(false)),
            ("a[^a][^a][^a]b", "a☺b", Ok(false)),
            ("[a-ζ]*", "α", Ok(true)),
            ("*[a-ζ]", "A", Ok(false)),
            ("a?b", "a/b", Ok(false)),
            ("a*b", "a/b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[\\-]", "-", Ok(true)),
            ("[x\\-]", "x", Ok(true)),
            ("[x\\-]", "-", Ok(true)),
            ("[x\\-]", "z", Ok(false)),
            ("[\\-x]", "a", Ok(false)),
            ("[]a]", "]", bad),
            ("[-]", "-", bad),
            ("[x-]", "x", bad),
            ("[x-]", "z", bad),
            ("[-x]", "a", bad),
            ("\\", "a", bad),
            ("[a-b-c]", "a", bad),
            ("[", "a", bad),
            ("[^", "a", bad),
            ("[^bc", "a", bad),
            ("a[", "a", bad),
            ("a[", "ab", bad),
            ("a[", "x", bad),
            ("a/b[", "x", bad),
            ("*x", "xxx", Ok(true)),
        ] {
            check(pattern, name, expected);
        }
    }
}
