//! Patterns over paths: `*` and `?` within one name, `**` over any, `{a,b}` for either.

use regex::bytes::{Regex, RegexSet};

use crate::error::{Error, ErrorKind, Result};

/// Paths that match one of several patterns. Patterns and paths are relative, without a leading slash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns(RegexSet);

impl Patterns {
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Patterns> {
        let expressions: Vec<String> = patterns.into_iter().map(expression).collect();
        RegexSet::new(&expressions)
            .map(Patterns)
            .map_err(|error| Error::malformed("reading the patterns of a recipe").because(error))
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.0.is_match(path)
    }
}

/// A path below which everything matches also matches itself: `a/**` covers `a`.
fn expression(pattern: &str) -> String {
    let mut expression = String::from("(?s-u)\\A");
    let mut rest = pattern;
    while let Some(char) = rest.chars().next() {
        let (token, regex) = match char {
            '/' if rest == "/**" => ("/**", "(?:/.*)?"),
            '*' if rest.starts_with("**/") => ("**/", "(?:.*/)?"),
            '*' if rest.starts_with("**") => ("**", ".*"),
            '*' => ("*", "[^/]*"),
            '?' => ("?", "[^/]"),
            '{' => ("{", "(?:"),
            '}' => ("}", ")"),
            ',' => (",", "|"),
            char => {
                expression.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
                rest = rest.strip_prefix(char).unwrap_or_default();
                continue;
            }
        };
        expression.push_str(regex);
        rest = rest.strip_prefix(token).unwrap_or_default();
    }
    expression.push_str("\\z");
    expression
}

/// One pattern that is known to be good.
pub(crate) fn known(expression: &str) -> Result<Regex> {
    Regex::new(expression).map_err(|error| {
        Error::new(ErrorKind::Malformed, "reading a built-in pattern").because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    fn check(pattern: &str, path: &str, expected: bool) {
        let patterns = Patterns::new([pattern]).unwrap();
        assert_eq!(
            patterns.matches(path.as_bytes()),
            expected,
            "{pattern} {path}"
        );
    }

    #[test]
    fn patterns_mean_what_shells_mean_by_them() {
        check("usr/share/{doc,man}/**", "usr/share/doc/a/b", true);
        check("usr/share/{doc,man}/**", "usr/share/man", true);
        check("usr/share/{doc,man}/**", "usr/share/docs", false);
        check(
            "usr/lib/*/gconv/UTF-*",
            "usr/lib/x86_64-linux-gnu/gconv/UTF-16.so",
            true,
        );
        check(
            "usr/lib/*/gconv/UTF-*",
            "usr/lib/a/b/gconv/UTF-16.so",
            false,
        );
        check("**/test/**", "usr/lib/python3/test/x.py", true);
        check("**/test/**", "test", true);
        check("a.b", "axb", false);
        check("a?c", "abc", true);
        check("a?c", "a/c", false);
    }
}
