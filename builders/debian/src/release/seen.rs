//! The newest date seen of each suite, so that an old but well-signed file cannot hide updates.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// A folder with one file per suite, each with seconds since 1970.
pub(crate) struct Seen {
    folder: PathBuf,
}

impl Seen {
    pub(crate) fn new(folder: &Path) -> Seen {
        Seen {
            folder: folder.to_owned(),
        }
    }

    /// Refuses a date before the newest one seen, and remembers it otherwise.
    pub(crate) fn check(&self, archive: &str, suite: &str, date: i64) -> Result<()> {
        let file = self.folder.join(format!("{archive}_{suite}"));
        let known = fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse::<i64>().ok());
        match known {
            Some(known) if date < known => {
                return Err(Error::new(
                    ErrorKind::Untrusted,
                    format!("the archive offers an older {suite} than it did before"),
                )
                .helped(
                    "another mirror may be up to date; the newest date seen is kept in the cache",
                ));
            }
            Some(known) if date == known => return Ok(()),
            _ => {}
        }
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Storage, format!("writing {}", file.display())).because(error)
        };
        fs::create_dir_all(&self.folder).map_err(|error| failed(error.into()))?;
        files::write_durable(&file, format!("{date}\n").as_bytes())
            .map_err(|error| failed(error.into()))
    }
}
