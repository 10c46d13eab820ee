//! What a buildpack says while it works: complete lines, in which secrets are hidden.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Failure;

/// Stands for a secret.
const HIDDEN: &str = "****";

/// Where a buildpack's lines go. Usable from several threads; a line is never torn.
pub struct Log {
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    secrets: Vec<String>,
}

impl Log {
    pub fn new(out: Box<dyn Write + Send>) -> Log {
        Log {
            inner: Mutex::new(Inner {
                out,
                secrets: Vec::new(),
            }),
        }
    }

    /// From now on `secret` is written as `****`, also inside other text. Shorter than four bytes is
    /// no secret: hiding it would only make the log unreadable.
    pub fn hide(&self, secret: &str) {
        if secret.len() >= 4 {
            self.inner().secrets.push(secret.to_owned());
        }
    }

    /// The line that opens a buildpack's part of the log.
    pub fn headline(&self, text: &str) {
        self.write(0, text);
    }

    /// One step or fact.
    pub fn line(&self, text: &str) {
        self.write(2, text);
    }

    /// Something about the last line, or a line of a program that was started for it.
    pub fn detail(&self, text: &str) {
        self.write(4, text);
    }

    /// Something that is not an error and that the user may want to change.
    pub fn warning(&self, code: &str, text: &str, help: &[&str]) {
        self.write(2, &format!("warning[{code}]: {text}"));
        for line in help {
            self.write(4, &format!("help: {line}"));
        }
    }

    /// The last thing that a failing buildpack says.
    pub fn failure(&self, failure: &Failure) {
        for line in failure.to_string().lines() {
            self.write(0, line);
        }
    }

    fn write(&self, indent: usize, text: &str) {
        let mut inner = self.inner();
        for line in text.lines() {
            let line = inner.clean(line);
            // Nobody is left to be told when the output is gone.
            let _ = writeln!(inner.out, "{:indent$}{line}", "");
        }
        let _ = inner.out.flush();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn clean(&self, line: &str) -> String {
        let mut clean = without_user_info(line);
        for secret in &self.secrets {
            clean = clean.replace(secret.as_str(), HIDDEN);
        }
        clean.trim_end().to_owned()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl Default for Log {
    /// A log on standard output, where the lifecycle reads it.
    fn default() -> Log {
        Log::new(Box::new(io::stdout()))
    }
}

/// The text with user name and password removed from every URL in it.
pub fn without_user_info(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`'))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        clean.push_str(
            authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host),
        );
        rest = tail;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn secrets_and_user_info_never_reach_the_log() {
        let page = Page::default();
        let log = Log::new(Box::new(page.clone()));
        log.hide("hunter2hunter2");
        log.line("from https://me:pw@host.example/simple/ with hunter2hunter2");
        log.detail("and http://token@other:8080 twice ftp://a@b/c@d");
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            "  from https://host.example/simple/ with ****\n    and http://other:8080 twice ftp://b/c@d\n"
        );
    }
}
