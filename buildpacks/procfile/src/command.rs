//! How a line is started: directly where it needs no shell, else by bash, and so that signals reach the program.

use toolkit::{Failure, Result};

use crate::procfile::Entry;
use crate::shell::{Piece, Trouble, belongs_to_the_shell, split};

/// A process's command as launch.toml has it.
///
/// A line without anything for a shell becomes the program with its arguments. Everything else is given to
/// `bash -c`, with `exec` before the program it ends in: then that program is process 1 and gets SIGTERM. Bash does
/// that by itself in the simplest cases only. `must_be_direct` forbids a shell.
pub(crate) fn command(entry: &Entry, must_be_direct: bool, file: &str) -> Result<Vec<String>> {
    let pieces = match split(&entry.command) {
        Ok(pieces) => pieces,
        Err(Trouble::OpenQuote(quote)) => return Err(open_quote(entry, quote, file)),
        Err(Trouble::Substitution) => Vec::new(),
    };
    if let Some(words) = direct(&pieces) {
        return Ok(words);
    }
    if must_be_direct {
        return Err(needs_shell(entry, file));
    }
    let line = &entry.command;
    let line = last_command(&pieces).map_or_else(
        || line.clone(),
        |start| {
            let (before, after) = line.split_at(start);
            format!("{before}exec {after}")
        },
    );
    Ok(vec!["bash".to_owned(), "-c".to_owned(), line])
}

/// The words, when each of them is just what is written and the first one names a program.
fn direct(pieces: &[Piece]) -> Option<Vec<String>> {
    let words: Option<Vec<String>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Word { literal, .. } => literal.clone(),
            Piece::Operator(_) => None,
        })
        .collect();
    let words = words?;
    let program = words.first()?;
    (!program.is_empty() && !belongs_to_the_shell(program)).then_some(words)
}

/// Where the last command begins, when `exec` may stand before it: a list of commands joined by `&&`, `||` and `;`
/// whose last one is a program.
fn last_command(pieces: &[Piece]) -> Option<usize> {
    let mut begins = true;
    let mut last = None;
    for piece in pieces {
        match piece {
            Piece::Operator(text) => match text.as_str() {
                "&&" | "||" | ";" => begins = true,
                "<" | ">" | ">>" | ">&" if !begins => {}
                _ => return None,
            },
            Piece::Word { start, written, .. } if begins => {
                if opens_a_block(written) {
                    return None;
                }
                last = (!belongs_to_the_shell(written)).then_some(*start);
                begins = false;
            }
            Piece::Word { .. } => {}
        }
    }
    if begins { None } else { last }
}

/// Words after which the shape of the line is no longer a flat list.
fn opens_a_block(word: &str) -> bool {
    [
        "!", "[[", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function",
        "if", "select", "then", "time", "trap", "until", "while", "{", "}",
    ]
    .contains(&word)
}

fn open_quote(entry: &Entry, quote: char, file: &str) -> Failure {
    Failure::new(
        "SLP-SRC-104",
        format!(
            "the command of `{}` opens a {quote} and never closes it",
            entry.name
        ),
    )
    .at(format!(
        "{file}:{}  {}: {}",
        entry.line, entry.name, entry.command
    ))
    .help(format!(
        "close the {quote}, or write \\{quote} for the character itself"
    ))
}

fn needs_shell(entry: &Entry, file: &str) -> Failure {
    Failure::new(
        "SLP-SRC-105",
        format!(
            "`{}` needs a shell, and BP_DIRECT_PROCESS forbids one",
            entry.name
        ),
    )
    .at(format!(
        "{file}:{}  {}: {}",
        entry.line, entry.name, entry.command
    ))
    .help("leave out variables, operators and patterns, or unset BP_DIRECT_PROCESS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: &str) -> Entry {
        Entry {
            name: "web".to_owned(),
            command: line.to_owned(),
            line: 1,
        }
    }

    fn check(line: &str, expected: &[&str]) {
        assert_eq!(
            command(&entry(line), false, "Procfile").unwrap(),
            expected,
            "{line}"
        );
    }

    #[test]
    fn a_plain_command_needs_no_shell() {
        check("gunicorn app:app", &["gunicorn", "app:app"]);
        check(
            "gunicorn 'app:create_app()' -w 2",
            &["gunicorn", "app:create_app()", "-w", "2"],
        );
        check(
            "python -m http.server 8080 # all",
            &["python", "-m", "http.server", "8080"],
        );
    }

    #[test]
    fn everything_else_is_bash_with_exec_before_the_last_program() {
        check(
            "gunicorn app:app --bind 0.0.0.0:$PORT",
            &["bash", "-c", "exec gunicorn app:app --bind 0.0.0.0:$PORT"],
        );
        check(
            "python manage.py migrate && gunicorn x",
            &["bash", "-c", "python manage.py migrate && exec gunicorn x"],
        );
        check(
            "a; b && c > log 2>&1",
            &["bash", "-c", "a; b && exec c > log 2>&1"],
        );
        check(
            "cd src && python app.py",
            &["bash", "-c", "cd src && exec python app.py"],
        );
        check(
            "celery worker --loglevel=${LEVEL:-info}",
            &["bash", "-c", "exec celery worker --loglevel=${LEVEL:-info}"],
        );
    }

    #[test]
    fn what_exec_would_change_is_left_to_bash() {
        for line in [
            "A=1 python app.py",
            "python app.py | tee log",
            "python worker.py & python web.py",
            "(cd src; python app.py)",
            "if [ -f x ]; then a; fi",
            "while true; do python job.py; sleep 5; done",
            "echo $(date) && python app.py",
            "exec python app.py $PORT",
            "python app.py; echo done",
            "python app.py $X;",
        ] {
            check(line, &["bash", "-c", line]);
        }
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_line() {
        let failure = command(&entry("python -c 'x"), false, "Procfile").unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("Procfile:1  web: python -c 'x")
        );
    }

    #[test]
    fn a_shell_can_be_forbidden() {
        let failure = command(&entry("a $PORT"), true, "Procfile").unwrap_err();
        assert_eq!(failure.code(), "SLP-SRC-105");
        assert_eq!(
            command(&entry("a b"), true, "Procfile").unwrap(),
            ["a", "b"]
        );
    }
}
