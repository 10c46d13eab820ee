//! JSON as it goes into images: objects sorted by key, compact, unknown keys kept.
//!
//! `serde_json::Map` is sorted because no crate enables `preserve_order`; a golden digest in `image.rs` watches over that.
//! Nesting is limited by the parser (128).

use serde_json::{Map, Value};

use crate::{Error, ErrorKind, Result};

pub(crate) type Object = Map<String, Value>;

/// Parses untrusted bytes as one object of at most `limit` bytes; `what` is for the error.
pub(crate) fn object(bytes: &[u8], limit: u64, what: &str) -> Result<Object> {
    if bytes.len() as u64 > limit {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("reading {what} of {} bytes, more than {limit}", bytes.len()),
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::malformed(format!(
            "reading {what}: not a JSON object"
        ))),
        Err(error) => Err(Error::malformed(format!("reading {what}")).because(error)),
    }
}

pub(crate) fn bytes(object: &Object) -> Vec<u8> {
    serde_json::to_vec(object).expect("an object with string keys is always JSON")
}

/// The string at `key`; absent, null and the empty string are `None`, as Go reads them.
pub(crate) fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// Fails unless `key` is absent, null or what `is` accepts.
pub(crate) fn expect(
    object: &Object,
    key: &str,
    what: &str,
    is: impl Fn(&Value) -> bool,
) -> Result<()> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if is(value) => Ok(()),
        Some(_) => Err(Error::malformed(format!("reading {key}: not {what}"))),
    }
}

pub(crate) fn is_strings(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| items.iter().all(Value::is_string))
}
