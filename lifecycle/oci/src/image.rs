//! Images as values: config and layers. Manifest and config are at hand, only layer bytes are read when asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::json::{self, Object};
use crate::store::read_small;
use crate::{
    Blob, Config, Descriptor, Digest, Error, ErrorKind, History, Layer, MediaType, Platform,
    Result, Source, Store, limits,
};

/// An image. What was read and not changed keeps its bytes, and so its digest; a changed one is written sorted by key and compact.
#[derive(Clone)]
pub struct Image {
    /// Everything of the manifest but `config` and `layers`.
    manifest: Object,
    config_type: MediaType,
    config: Config,
    layers: Vec<Layer>,
    /// Layer descriptors as they were read, for their annotations.
    descriptors: Arc<BTreeMap<Digest, Object>>,
    original: Option<Arc<Original>>,
}

struct Original {
    manifest: Vec<u8>,
    config: Vec<u8>,
}

impl Image {
    /// An OCI image without layers.
    pub fn empty(platform: &Platform) -> Image {
        let mut config = Config::empty(platform);
        config.set_diff_ids([].into_iter());
        let mut manifest = Object::new();
        manifest.insert("schemaVersion".into(), 2.into());
        manifest.insert("mediaType".into(), MediaType::OciManifest.as_str().into());
        let config_type = MediaType::OciConfig;
        Image {
            manifest,
            config_type,
            config,
            layers: Vec::new(),
            descriptors: Arc::default(),
            original: None,
        }
    }

    /// Reads untrusted bytes; layer bytes will be read from `source`.
    ///
    /// Fails with `Integrity` when `config` is not what the manifest names, `Malformed` when the two disagree about layers.
    pub fn parse(manifest: &[u8], config: &[u8], source: Arc<dyn Source>) -> Result<Image> {
        let reading = |error: Error| error.during("reading image manifest");
        let mut object = json::object(manifest, limits::MANIFEST_BYTES, "image manifest")?;
        let parts = Parts::take(&mut object).map_err(reading)?;
        parts.config.check(config)?;
        let original = Some(Arc::new(Original {
            manifest: manifest.to_vec(),
            config: config.to_vec(),
        }));
        let config = Config::parse(config)?;
        let diff_ids = config.diff_ids();
        if diff_ids.len() != parts.layers.len() {
            let text = format!(
                "reading image: {} layers but {} diff ids",
                parts.layers.len(),
                diff_ids.len()
            );
            return Err(Error::malformed(text));
        }
        let layer = |(descriptor, diff_id)| Layer {
            diff_id,
            blob: Blob::new(descriptor, source.clone()),
        };
        Ok(Image {
            manifest: object,
            config_type: parts.config.media_type,
            config,
            layers: parts.layers.into_iter().zip(diff_ids).map(layer).collect(),
            descriptors: Arc::new(parts.descriptors),
            original,
        })
    }

    /// Reads manifest and config from `source`, which then also serves the layers.
    pub fn read(source: Arc<dyn Source>, manifest: &Descriptor) -> Result<Image> {
        let bytes = read_small(&*source, manifest, limits::MANIFEST_BYTES)?;
        Image::read_with(source, &bytes)
    }

    /// Reads the config that a manifest names from `source`, which then also serves the layers.
    pub fn read_with(source: Arc<dyn Source>, manifest: &[u8]) -> Result<Image> {
        let mut object = json::object(manifest, limits::MANIFEST_BYTES, "image manifest")?;
        let parts =
            Parts::take(&mut object).map_err(|error| error.during("reading image manifest"))?;
        let config = read_small(&*source, &parts.config, limits::CONFIG_BYTES)?;
        Image::parse(manifest, &config, source)
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// For changes; the image then no longer has the bytes it was read from.
    pub fn config_mut(&mut self) -> &mut Config {
        self.original = None;
        &mut self.config
    }

    /// Lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Puts a layer on top.
    pub fn append(mut self, layer: Layer, history: &History) -> Image {
        self.original = None;
        self.layers.push(layer);
        self.config
            .set_diff_ids(self.layers.iter().map(|layer| layer.diff_id));
        self.config.push_history(history);
        self
    }

    /// Of the manifest.
    pub fn media_type(&self) -> MediaType {
        MediaType::from(
            json::text(&self.manifest, "mediaType").unwrap_or(MediaType::OciManifest.as_str()),
        )
    }

    /// The same image with OCI media types throughout, for readers that know no others.
    pub fn to_oci(&self) -> Image {
        self.retyped(MediaType::to_oci)
    }

    /// The same image with Docker's media types throughout.
    pub fn to_docker(&self) -> Image {
        self.retyped(MediaType::to_docker)
    }

    fn retyped(&self, to: fn(&MediaType) -> MediaType) -> Image {
        let mut image = self.clone();
        let manifest = to(&self.media_type());
        let same = |layer: &Layer| {
            to(&layer.blob.descriptor.media_type) == layer.blob.descriptor.media_type
        };
        if manifest == self.media_type()
            && to(&self.config_type) == self.config_type
            && self.layers.iter().all(same)
        {
            return image;
        }
        image.original = None;
        image
            .manifest
            .insert("mediaType".into(), manifest.as_str().into());
        image.config_type = to(&self.config_type);
        for layer in &mut image.layers {
            layer.blob.descriptor.media_type = to(&layer.blob.descriptor.media_type);
        }
        image
    }

    /// Of the manifest.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.manifest.get("annotations")?.get(key)?.as_str()
    }

    pub fn set_annotation(&mut self, key: &str, value: &str) {
        self.original = None;
        let annotations = self.manifest.entry("annotations").or_insert(Value::Null);
        if !annotations.is_object() {
            *annotations = Value::Object(Object::new());
        }
        annotations[key] = value.into();
    }

    pub fn config_bytes(&self) -> Vec<u8> {
        match &self.original {
            Some(original) => original.config.clone(),
            None => self.config.to_bytes(),
        }
    }

    /// Of the config; its digest is what Docker calls the image id.
    pub fn config_descriptor(&self) -> Descriptor {
        Descriptor::of(self.config_type.clone(), &self.config_bytes())
    }

    pub fn manifest_bytes(&self) -> Vec<u8> {
        if let Some(original) = &self.original {
            return original.manifest.clone();
        }
        let mut manifest = self.manifest.clone();
        manifest.insert("config".into(), self.config_descriptor().to_json());
        manifest.insert(
            "layers".into(),
            self.layers
                .iter()
                .map(|layer| self.layer_json(layer))
                .collect(),
        );
        json::bytes(&manifest)
    }

    fn layer_json(&self, layer: &Layer) -> Value {
        let descriptor = &layer.blob.descriptor;
        let mut object = self
            .descriptors
            .get(&descriptor.digest)
            .cloned()
            .unwrap_or_default();
        descriptor.write_into(&mut object);
        Value::Object(object)
    }

    /// Of the manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(self.media_type(), &self.manifest_bytes())
    }

    /// Of the manifest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest_bytes())
    }

    /// Bytes of all layers as they are stored, each counted once.
    pub fn size(&self) -> u64 {
        let sizes: BTreeMap<_, _> = self
            .layers
            .iter()
            .map(|layer| (layer.blob.descriptor.digest, layer.blob.descriptor.size))
            .collect();
        sizes.values().sum()
    }

    /// Writes layers, then config, then manifest; returns the manifest's descriptor.
    pub fn write_to(&self, store: &dyn Store) -> Result<Descriptor> {
        for layer in &self.layers {
            let blob = &layer.blob.descriptor;
            if !store.contains(blob.digest)? {
                store.write(blob, &mut *layer.blob.open()?)?;
            }
        }
        store.write(&self.config_descriptor(), &mut &*self.config_bytes())?;
        let manifest = self.manifest_bytes();
        let descriptor = Descriptor::of(self.media_type(), &manifest);
        store.write(&descriptor, &mut &*manifest)?;
        Ok(descriptor)
    }
}

/// What a manifest says about blobs.
struct Parts {
    config: Descriptor,
    layers: Vec<Descriptor>,
    descriptors: BTreeMap<Digest, Object>,
}

impl Parts {
    fn take(manifest: &mut Object) -> Result<Parts> {
        if manifest.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "reading schemaVersion: not 2",
            ));
        }
        // A document that is image and index at once could be read as either one (CVE-2021-41190).
        if manifest.contains_key("manifests") {
            return Err(Error::malformed(
                "reading manifests: an image manifest has none",
            ));
        }
        match json::text(manifest, "mediaType").map(MediaType::from) {
            Some(media_type) if !media_type.is_manifest() => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("reading mediaType: {media_type} is no image manifest"),
                ));
            }
            _ => {}
        }
        let config = Descriptor::from_json(&manifest.remove("config").unwrap_or_default())?;
        let layers = match manifest.remove("layers") {
            Some(Value::Array(layers)) => layers,
            None | Some(Value::Null) => Vec::new(),
            Some(_) => return Err(Error::malformed("reading layers: not a list")),
        };
        if layers.len() > limits::LAYERS {
            let text = format!(
                "reading layers: {} of them, more than {}",
                layers.len(),
                limits::LAYERS
            );
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let mut parts = Parts {
            config,
            layers: Vec::new(),
            descriptors: BTreeMap::new(),
        };
        for layer in layers {
            let descriptor = Descriptor::from_json(&layer)?;
            if let Value::Object(object) = layer {
                parts.descriptors.insert(descriptor.digest, object);
            }
            parts.layers.push(descriptor);
        }
        Ok(parts)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("digest", &self.digest())
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

/// Images are equal when their manifests are.
impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        self.manifest_bytes() == other.manifest_bytes()
    }
}

#[cfg(test)]
mod tests;
