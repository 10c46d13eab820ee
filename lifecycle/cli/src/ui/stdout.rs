//! Results on stdout. A reader that went away is no error: the work is done.

use std::io::{self, Write};

use platform::{Error, ErrorKind};

/// Writes a text and flushes it.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    settle(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes one line per text.
pub(crate) fn lines(texts: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut text = texts.collect::<Vec<_>>().join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    print(&text)
}

/// Writes a value as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|cause| Error::new(ErrorKind::Other, "writing JSON").because(cause))?;
    print(&format!("{text}\n"))
}

fn settle(written: io::Result<()>) -> Result<(), Error> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
                _ => ErrorKind::Other,
            };
            Err(Error::new(kind, "writing to stdout").because(error))
        }
        _ => Ok(()),
    }
}
