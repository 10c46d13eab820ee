//! Names as JSON strings that keep every byte: byte n is the character U+00nn.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that consists of names.
pub(crate) trait Names: Sized {
    type Json: Serialize + DeserializeOwned;
    fn to_json(&self) -> Self::Json;
    /// `None` when a character stands for no byte.
    fn from_json(json: Self::Json) -> Option<Self>;
}

pub(crate) fn serialize<T: Names, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.to_json().serialize(to)
}

pub(crate) fn deserialize<'a, T: Names, D: Deserializer<'a>>(from: D) -> Result<T, D::Error> {
    T::from_json(T::Json::deserialize(from)?).ok_or_else(|| D::Error::custom("not a byte string"))
}

fn to_chars(name: &OsStr) -> String {
    name.as_bytes()
        .iter()
        .map(|byte| char::from(*byte))
        .collect()
}

fn to_bytes(chars: &str) -> Option<OsString> {
    chars
        .chars()
        .map(|c| u8::try_from(c).ok())
        .collect::<Option<Vec<u8>>>()
        .map(OsString::from_vec)
}

impl Names for OsString {
    type Json = String;
    fn to_json(&self) -> String {
        to_chars(self)
    }
    fn from_json(json: String) -> Option<OsString> {
        to_bytes(&json)
    }
}

impl Names for PathBuf {
    type Json = String;
    fn to_json(&self) -> String {
        to_chars(self.as_os_str())
    }
    fn from_json(json: String) -> Option<PathBuf> {
        to_bytes(&json).map(PathBuf::from)
    }
}

impl<T: Names> Names for Vec<T> {
    type Json = Vec<T::Json>;
    fn to_json(&self) -> Self::Json {
        self.iter().map(T::to_json).collect()
    }
    fn from_json(json: Self::Json) -> Option<Self> {
        json.into_iter().map(T::from_json).collect()
    }
}

impl<A: Names, B: Names> Names for (A, B) {
    type Json = (A::Json, B::Json);
    fn to_json(&self) -> Self::Json {
        (self.0.to_json(), self.1.to_json())
    }
    fn from_json((a, b): Self::Json) -> Option<Self> {
        Some((A::from_json(a)?, B::from_json(b)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let all = OsString::from_vec((0..=255).collect());
        let json = serde_json::to_string(&all.to_json()).unwrap();
        assert_eq!(
            OsString::from_json(serde_json::from_str(&json).unwrap()),
            Some(all)
        );
        assert_eq!(PathBuf::from_json("\u{100}".to_owned()), None);
    }
}
