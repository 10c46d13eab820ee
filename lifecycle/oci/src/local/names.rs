//! One file per name. Its content says the name too, so that file names only need to be unique and legible.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::blobs::Blobs;
use crate::{Descriptor, Digest, Error, Reference, Result, json};

pub(super) const NAMES: &str = "names";
/// A name's record is far smaller.
const RECORD_BYTES: u64 = 64 << 10;
/// Of a file name; what is longer ends in a digest instead.
const ESCAPED_BYTES: usize = 180;

/// A name in the store and what it points to: a manifest, or an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub name: Reference,
    pub manifest: Descriptor,
}

pub(super) fn write(blobs: &Blobs, name: &Reference, manifest: &Descriptor) -> Result<()> {
    let mut record = json::Object::new();
    manifest.write_into(&mut record);
    record.insert("name".into(), name.to_string().into());
    let path = blobs.dir.path().join(path_of(name));
    let _lock = blobs.share()?;
    files::write_durable(&path, &json::bytes(&record))
        .map_err(|error| Error::files(format!("naming {name}"), error))
}

/// A name whose manifest is gone counts as absent.
pub(super) fn find(blobs: &Blobs, name: &Reference) -> Result<Option<Descriptor>> {
    match read(blobs, &path_of(name))? {
        Some(named) if named.name == *name && blobs.contains(named.manifest.digest)? => {
            Ok(Some(named.manifest))
        }
        _ => Ok(None),
    }
}

pub(super) fn remove(blobs: &Blobs, name: &Reference) -> Result<bool> {
    let failed = |error| Error::files(format!("removing the name {name}"), error);
    let _lock = blobs.share()?;
    match blobs.dir.remove_file(&path_of(name)) {
        Err(error) if error.kind() == files::ErrorKind::NotFound => Ok(false),
        result => {
            result.map_err(failed)?;
            files::sync_dir(&blobs.dir.path().join(NAMES)).map_err(failed)?;
            Ok(true)
        }
    }
}

pub(super) fn list(blobs: &Blobs) -> Result<Vec<Named>> {
    let failed = |error| Error::files("listing names", error);
    let mut all = Vec::new();
    for entry in blobs
        .dir
        .dir(Path::new(NAMES))
        .and_then(|dir| dir.entries())
        .map_err(failed)?
    {
        all.extend(read(blobs, &Path::new(NAMES).join(entry.name))?);
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// `None` also when the record makes no sense: the name is then written anew by the next build.
fn read(blobs: &Blobs, path: &Path) -> Result<Option<Named>> {
    let bytes = blobs
        .dir
        .read(path, RECORD_BYTES)
        .map_err(|error| Error::files("reading a name", error))?;
    let named = bytes.and_then(|bytes| parse(&bytes).ok());
    Ok(named.filter(|named| path_of(&named.name) == path))
}

fn parse(bytes: &[u8]) -> Result<Named> {
    let record = json::object(bytes, RECORD_BYTES, "name")?;
    let name = json::text(&record, "name").unwrap_or_default().parse()?;
    let manifest = Descriptor::from_json(&Value::Object(record))?;
    if !manifest.media_type.is_manifest() && !manifest.media_type.is_index() {
        return Err(Error::malformed("reading a name: it points to no image"));
    }
    Ok(Named { name, manifest })
}

/// Relative to the store. Bytes that are special to file systems or people are written `%2f`.
fn path_of(name: &Reference) -> PathBuf {
    let name = name.to_string();
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let [high, low] = [byte >> 4, byte & 15]
                .map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
            escaped.extend(['%', high, low]);
        }
    }
    if escaped.len() > ESCAPED_BYTES {
        escaped.truncate(ESCAPED_BYTES);
        escaped.push('~');
        escaped.push_str(&Digest::of(name.as_bytes()).hex());
    }
    Path::new(NAMES).join(escaped)
}
