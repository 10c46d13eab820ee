//! As much of the shell's grammar as is needed to see whether a line needs a shell at all.

/// A part of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Word {
        /// Where it begins in the line, in bytes.
        start: usize,
        /// Its characters as written, quotes included.
        written: String,
        /// What the shell would make of it, if that needs no variable, pattern or other expansion.
        literal: Option<String>,
    },
    /// `&&`, `||`, `;`, `|`, `&`, `<`, `>`, `(`, `)` or several of them in a row.
    Operator(String),
}

/// What is wrong with a line, or beyond us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A quote is never closed: no shell will take this.
    OpenQuote(char),
    /// A command inside the command; a shell's business.
    Substitution,
}

/// Splits a line as bash does.
pub(crate) fn split(line: &str) -> Result<Vec<Piece>, Trouble> {
    let mut scanner = Scanner {
        line,
        rest: line.char_indices().peekable(),
        pieces: Vec::new(),
        word: None,
    };
    scanner.run()?;
    Ok(scanner.pieces)
}

struct Scanner<'a> {
    line: &'a str,
    rest: std::iter::Peekable<std::str::CharIndices<'a>>,
    pieces: Vec<Piece>,
    word: Option<Word>,
}

struct Word {
    start: usize,
    value: String,
    expands: bool,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), Trouble> {
        while let Some((at, c)) = self.rest.next() {
            match c {
                ' ' | '\t' => self.end_word(at),
                '|' | '&' | ';' | '<' | '>' | '(' | ')' => {
                    self.end_word(at);
                    self.operator(c);
                }
                '\'' => self.single_quotes(at)?,
                '"' => self.double_quotes(at)?,
                '\\' => {
                    let next = self.rest.next();
                    let word = self.word(at);
                    word.value.extend(next.map(|(_, c)| c));
                }
                '#' if self.word.is_none() => return Ok(()),
                '`' => return Err(Trouble::Substitution),
                '$' => self.dollar(at)?,
                '*' | '?' | '[' | '{' | '~' | '!' => self.expanding(at, c),
                _ => self.word(at).value.push(c),
            }
        }
        self.end_word(self.line.len());
        Ok(())
    }

    fn single_quotes(&mut self, at: usize) -> Result<(), Trouble> {
        self.word(at);
        loop {
            match self.rest.next() {
                None => return Err(Trouble::OpenQuote('\'')),
                Some((_, '\'')) => return Ok(()),
                Some((_, c)) => self.word(at).value.push(c),
            }
        }
    }

    fn double_quotes(&mut self, at: usize) -> Result<(), Trouble> {
        self.word(at);
        loop {
            match self.rest.next() {
                None => return Err(Trouble::OpenQuote('"')),
                Some((_, '"')) => return Ok(()),
                Some((_, '`')) => return Err(Trouble::Substitution),
                Some((_, '$')) => self.dollar(at)?,
                Some((_, '\\')) => {
                    let next = self.rest.next();
                    let value = &mut self.word(at).value;
                    match next {
                        Some((_, c @ ('$' | '`' | '"' | '\\'))) => value.push(c),
                        Some((_, c)) => value.extend(['\\', c]),
                        None => value.push('\\'),
                    }
                }
                Some((_, c)) => self.word(at).value.push(c),
            }
        }
    }

    fn dollar(&mut self, at: usize) -> Result<(), Trouble> {
        match self.rest.peek() {
            Some((_, '(')) => return Err(Trouble::Substitution),
            Some((_, '{')) => {
                self.rest.next();
                self.expanding(at, '{');
            }
            _ => {}
        }
        self.expanding(at, '$');
        Ok(())
    }

    fn expanding(&mut self, at: usize, c: char) {
        let word = self.word(at);
        word.value.push(c);
        word.expands = true;
    }

    fn operator(&mut self, c: char) {
        match self.pieces.last_mut() {
            // `a && b` has one operator; `a & & b` is no list that anybody writes.
            Some(Piece::Operator(text)) => text.push(c),
            _ => self.pieces.push(Piece::Operator(c.to_string())),
        }
    }

    fn word(&mut self, start: usize) -> &mut Word {
        self.word.get_or_insert(Word {
            start,
            value: String::new(),
            expands: false,
        })
    }

    fn end_word(&mut self, end: usize) {
        if let Some(word) = self.word.take() {
            self.pieces.push(Piece::Word {
                start: word.start,
                written: self
                    .line
                    .get(word.start..end)
                    .unwrap_or_default()
                    .to_owned(),
                literal: (!word.expands).then_some(word.value),
            });
        }
    }
}

/// Is this first word of a command something that only a shell knows, or an assignment?
pub(crate) fn belongs_to_the_shell(word: &str) -> bool {
    KNOWN_TO_BASH.binary_search(&word).is_ok() || is_assignment(word)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let mut chars = name.chars();
        chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Builtins and reserved words of bash 5.2, sorted. Those that also exist as programs are here too: small run images
/// have no coreutils.
const KNOWN_TO_BASH: [&str; 84] = [
    "!",
    ".",
    ":",
    "[",
    "[[",
    "]]",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
    "{",
    "}",
    "~",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(KNOWN_TO_BASH.is_sorted());
    }

    #[test]
    fn quotes_and_backslashes_are_understood_and_expansions_noticed() {
        let words = |line| {
            split(line)
                .unwrap()
                .into_iter()
                .map(|piece| match piece {
                    Piece::Word { literal, .. } => literal,
                    Piece::Operator(text) => Some(format!("op {text}")),
                })
                .collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            words(r#"a 'b c' "d \"e" f\ g'h'"#),
            [some("a"), some("b c"), some("d \"e"), some("f gh")]
        );
        assert_eq!(
            words("a:$PORT 'x$y' \"$z\" *.py"),
            [None, some("x$y"), None, None]
        );
        assert_eq!(
            words("a&&b ; c"),
            [some("a"), some("op &&"), some("b"), some("op ;"), some("c")]
        );
        assert_eq!(words("a b # c"), [some("a"), some("b")]);
        assert_eq!(words("'' x#y"), [some(""), some("x#y")]);
    }

    #[test]
    fn an_open_quote_and_a_command_in_the_command_are_told_apart() {
        assert_eq!(split("echo 'a"), Err(Trouble::OpenQuote('\'')));
        assert_eq!(split("echo \"$(date)\""), Err(Trouble::Substitution));
    }
}
