//! Images for several platforms under one name.

use std::sync::Arc;

use serde_json::Value;

use crate::json::{self, Object};
use crate::store::read_small;
use crate::{
    Descriptor, Digest, Error, ErrorKind, Image, MediaType, Platform, Result, Source, Store, limits,
};

/// An OCI index or Docker manifest list. Keys we do not know stay.
#[derive(Clone)]
pub struct Index {
    json: Object,
    entries: Vec<Entry>,
    source: Option<Arc<dyn Source>>,
}

/// One manifest of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub descriptor: Descriptor,
    /// Absent in nested indexes and artefacts; `unknown/unknown` for attestations.
    pub platform: Option<Platform>,
    json: Object,
}

impl Entry {
    pub fn new(descriptor: Descriptor, platform: Option<Platform>) -> Entry {
        Entry {
            descriptor,
            platform,
            json: Object::new(),
        }
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.json.get("annotations")?.get(key)?.as_str()
    }

    pub fn set_annotation(&mut self, key: &str, value: &str) {
        let annotations = self.json.entry("annotations").or_insert(Value::Null);
        if !annotations.is_object() {
            *annotations = Value::Object(Object::new());
        }
        annotations[key] = value.into();
    }

    fn from_json(value: Value) -> Result<Entry> {
        let descriptor = Descriptor::from_json(&value)?;
        let platform = value
            .get("platform")
            .and_then(Value::as_object)
            .map(Platform::from_json);
        let Value::Object(json) = value else {
            return Err(Error::malformed("reading manifests: not an object"));
        };
        Ok(Entry {
            descriptor,
            platform,
            json,
        })
    }

    fn to_json(&self) -> Value {
        let mut object = self.json.clone();
        self.descriptor.write_into(&mut object);
        if let Some(platform) = &self.platform {
            let value = object.entry("platform").or_insert(Value::Null);
            if !value.is_object() {
                *value = Value::Object(Object::new());
            }
            value
                .as_object_mut()
                .into_iter()
                .for_each(|object| platform.write_into(object));
        }
        Value::Object(object)
    }
}

impl Index {
    /// An OCI index without entries.
    pub fn empty() -> Index {
        let mut json = Object::new();
        json.insert("schemaVersion".into(), 2.into());
        json.insert("mediaType".into(), MediaType::OciIndex.as_str().into());
        Index {
            json,
            entries: Vec::new(),
            source: None,
        }
    }

    /// Reads untrusted bytes; manifests will be read from `source`.
    pub fn parse(bytes: &[u8], source: Arc<dyn Source>) -> Result<Index> {
        let mut json = json::object(bytes, limits::MANIFEST_BYTES, "image index")?;
        if json.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "reading image index: schemaVersion is not 2",
            ));
        }
        // A document that is image and index at once could be read as either one (CVE-2021-41190).
        if json.contains_key("layers") || json.contains_key("config") {
            return Err(Error::malformed(
                "reading image index: it has layers or a config",
            ));
        }
        let entries = match json.remove("manifests") {
            Some(Value::Array(entries)) => entries,
            None | Some(Value::Null) => Vec::new(),
            Some(_) => {
                return Err(Error::malformed(
                    "reading image index: manifests is not a list",
                ));
            }
        };
        if entries.len() > limits::INDEX_ENTRIES {
            let text = format!(
                "reading image index: {} entries, more than {}",
                entries.len(),
                limits::INDEX_ENTRIES
            );
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let entries = entries
            .into_iter()
            .map(Entry::from_json)
            .collect::<Result<_>>();
        let entries = entries.map_err(|error| error.during("reading image index"))?;
        Ok(Index {
            json,
            entries,
            source: Some(source),
        })
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
    }

    /// The first image for a platform; `None` when there is none.
    pub fn image(&self, platform: &Platform) -> Result<Option<Image>> {
        match &self.source {
            Some(source) => self.image_at(source, platform, limits::INDEX_DEPTH),
            None => Ok(None),
        }
    }

    fn image_at(
        &self,
        source: &Arc<dyn Source>,
        platform: &Platform,
        depth: usize,
    ) -> Result<Option<Image>> {
        for entry in &self.entries {
            let fits = entry
                .platform
                .as_ref()
                .is_none_or(|ours| ours.satisfies(platform));
            let readable =
                entry.descriptor.media_type.is_manifest() || entry.descriptor.media_type.is_index();
            if fits
                && readable
                && let Some(image) = find_at(source, &entry.descriptor, platform, depth)?
            {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    /// Sorted by key and compact; entries in their order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut json = self.json.clone();
        json.insert(
            "manifests".into(),
            self.entries.iter().map(Entry::to_json).collect(),
        );
        json::bytes(&json)
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Writes the index itself; its manifests must be in `store` already.
    pub fn write_to(&self, store: &dyn Store) -> Result<Descriptor> {
        let bytes = self.to_bytes();
        let media_type =
            json::text(&self.json, "mediaType").map_or(MediaType::OciIndex, MediaType::from);
        let descriptor = Descriptor::of(media_type, &bytes);
        store.write(&descriptor, &mut &*bytes)?;
        Ok(descriptor)
    }
}

/// Reads the image that `manifest` names in `source`: itself, or the one for `platform` when it is an index.
///
/// What the bytes are is told by the bytes, as media types in descriptors of others may be missing or wrong.
pub fn find(
    source: Arc<dyn Source>,
    manifest: &Descriptor,
    platform: &Platform,
) -> Result<Option<Image>> {
    find_at(&source, manifest, platform, limits::INDEX_DEPTH)
}

fn find_at(
    source: &Arc<dyn Source>,
    manifest: &Descriptor,
    platform: &Platform,
    depth: usize,
) -> Result<Option<Image>> {
    let bytes = read_small(&**source, manifest, limits::MANIFEST_BYTES)?;
    if !is_index(&bytes) {
        return Image::read_with(source.clone(), &bytes).map(Some);
    }
    let Some(depth) = depth.checked_sub(1) else {
        let text = format!(
            "reading {}: indexes in indexes, more than {}",
            manifest.digest,
            limits::INDEX_DEPTH
        );
        return Err(Error::new(ErrorKind::TooLarge, text));
    };
    Index::parse(&bytes, source.clone())?.image_at(source, platform, depth)
}

fn is_index(bytes: &[u8]) -> bool {
    json::object(bytes, limits::MANIFEST_BYTES, "manifest")
        .is_ok_and(|object| object.contains_key("manifests"))
}

#[cfg(test)]
mod tests;
