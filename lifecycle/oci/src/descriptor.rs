//! Name, size and type of bytes.

use serde_json::Value;

use crate::json::Object;
use crate::{Digest, Error, ErrorKind, Hasher, MediaType, Result};

/// Says which bytes, how many and of what type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Descriptor {
    pub media_type: MediaType,
    pub digest: Digest,
    /// In bytes, as stored (compressed).
    pub size: u64,
}

impl Descriptor {
    /// Describes bytes that are at hand.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Descriptor {
        Descriptor {
            media_type,
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        }
    }

    /// Reads `mediaType`, `digest` and `size` of a descriptor in a manifest or index; other keys are ignored.
    pub fn from_json(value: &Value) -> Result<Descriptor> {
        let missing = |key| {
            Error::malformed(format!(
                "reading descriptor: {key} is missing or of the wrong type"
            ))
        };
        let text = |key| {
            value
                .get(key)
                .and_then(Value::as_str)
                .ok_or_else(|| missing(key))
        };
        Ok(Descriptor {
            media_type: MediaType::from(text("mediaType")?),
            digest: text("digest")?.parse()?,
            size: value
                .get("size")
                .and_then(Value::as_u64)
                .ok_or_else(|| missing("size"))?,
        })
    }

    pub fn to_json(&self) -> Value {
        let mut object = Object::new();
        self.write_into(&mut object);
        Value::Object(object)
    }

    /// Sets the three keys; others of `object` stay.
    pub(crate) fn write_into(&self, object: &mut Object) {
        object.insert("mediaType".into(), self.media_type.as_str().into());
        object.insert("digest".into(), self.digest.to_string().into());
        object.insert("size".into(), self.size.into());
    }

    /// Fails with `Integrity` unless `bytes` are those it describes.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<()> {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        self.check_hashed(hasher)
    }

    /// Describes the bytes that went through `hasher`.
    pub(crate) fn of_hashed(media_type: MediaType, hasher: Hasher) -> Descriptor {
        Descriptor {
            media_type,
            size: hasher.size(),
            digest: hasher.finish(),
        }
    }

    /// Fails with `Integrity` unless the bytes that went through `hasher` are those it describes.
    pub fn check_hashed(&self, hasher: Hasher) -> Result<()> {
        let size = hasher.size();
        let found = hasher.finish();
        if self.size == size && self.digest == found {
            return Ok(());
        }
        let text = format!(
            "verifying {} of {} bytes: it is {found} of {size} bytes",
            self.digest, self.size
        );
        Err(Error::new(ErrorKind::Integrity, text))
    }
}
