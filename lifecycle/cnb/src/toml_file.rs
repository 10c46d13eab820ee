//! Reading and writing TOML as the Go lifecycle does: keys without regard to case, unknown keys ignored; errors
//! name file, line and key. Sizes are capped, because a TOML tree takes about 120 times the room of its text.

mod reader;

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Place;
use crate::{Error, ErrorKind, Result, limits};
use reader::{Failure, Reader};

/// Checks that the bytes of a file are text; `file` is for messages only.
pub fn text<'a>(bytes: &'a [u8], file: &Path) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = lines(bytes, error.valid_up_to());
        let error = Error::new(ErrorKind::Syntax, "the text is not UTF-8");
        error
            .at(Place {
                line,
                key: String::new(),
            })
            .in_file(file)
    })
}

/// Reads a value from the text of a TOML file; `file` is for messages only.
///
/// Fails with [`ErrorKind::Syntax`], [`ErrorKind::Type`] or [`ErrorKind::TooLarge`].
pub fn read<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T> {
    Document::parse(text, file)?.read()
}

/// Prints a value as TOML.
pub fn write<T: Serialize>(value: &T) -> String {
    toml::to_string(value).expect("our own types have string keys and a table at the root")
}

/// A file whose text is TOML, but not yet looked at any closer.
pub(crate) struct Document<'a> {
    text: &'a str,
    file: &'a Path,
    root: Spanned<DeValue<'a>>,
}

impl<'a> Document<'a> {
    pub(crate) fn parse(text: &'a str, file: &'a Path) -> Result<Document<'a>> {
        let refused = |what: &str| Err(Error::new(ErrorKind::TooLarge, what).in_file(file));
        if text.len() > limits::TEXT_BYTES {
            return refused("the file is larger than 1 MiB");
        }
        let table = DeTable::parse(text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| lines(text.as_bytes(), span.start));
            let place = Place {
                line,
                key: String::new(),
            };
            Error::new(ErrorKind::Syntax, error.message())
                .at(place)
                .in_file(file)
        })?;
        let span = table.span();
        let root = Spanned::new(span, DeValue::Table(table.into_inner()));
        let mut tables = 0;
        if depth(root.get_ref(), &mut tables) > limits::DEPTH {
            return refused("the file is nested deeper than 64 levels");
        }
        if tables > limits::TABLES {
            return refused("the file has more than 10,000 tables");
        }
        Ok(Document { text, file, root })
    }

    /// Says whether the root has exactly this key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        matches!(self.root.get_ref(), DeValue::Table(table) if table.keys().any(|name| name.get_ref() == key))
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(Reader::new(&self.root)).map_err(|failure| self.error(failure))
    }

    pub(crate) fn refuse(&self, kind: ErrorKind, what: impl Into<String>) -> Error {
        Error::new(kind, what).in_file(self.file)
    }

    fn error(&self, failure: Failure) -> Error {
        let line = failure
            .start()
            .and_then(|start| lines(self.text.as_bytes(), start));
        let place = Place {
            line,
            key: failure.key(),
        };
        Error::new(ErrorKind::Type, failure.what())
            .at(place)
            .in_file(self.file)
    }
}

/// Counts the line of an offset, from 1.
fn lines(text: &[u8], offset: usize) -> Option<usize> {
    let before = text.get(..offset)?;
    Some(before.split(|byte| *byte == b'\n').count())
}

/// Measures how deep values are nested (a flat table is 1) and counts tables.
fn depth(value: &DeValue<'_>, tables: &mut usize) -> usize {
    let below = match value {
        DeValue::Table(table) => {
            *tables += 1;
            table
                .values()
                .map(|value| depth(value.get_ref(), tables))
                .max()
        }
        DeValue::Array(array) => array
            .iter()
            .map(|value| depth(value.get_ref(), tables))
            .max(),
        _ => return 0,
    };
    below.unwrap_or(0) + 1
}
