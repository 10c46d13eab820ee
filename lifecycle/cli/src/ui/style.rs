//! Colours, which never carry meaning.

/// Whether words are coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) colour: bool,
}

impl Style {
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Text of others without what would move the cursor or change colours.
pub(crate) fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\x1b' => skip_sequence(&mut chars),
            '\t' => clean.push(char),
            _ if char.is_control() => {}
            _ => clean.push(char),
        }
    }
    clean
}

/// A control sequence ends with its first byte from `@` to `~`; anything else after escape is one character.
fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if chars.next_if_eq(&'[').is_none() {
        chars.next();
        return;
    }
    for char in chars.by_ref() {
        if ('@'..='~').contains(&char) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_moves_the_cursor() {
        assert_eq!(
            harmless("\x1b[31mred\x1b[0m\r\x07 \x1b]x\ttab"),
            "red x\ttab"
        );
        assert_eq!(harmless("\x1b[2Jé"), "é");
    }
}
