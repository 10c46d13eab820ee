//! `manifest.json` of `docker save`: which file is the config, which are the layers, what the image is called.

use std::io::Read;

use serde_json::{Value, json};

use super::files::{Files, Place};
use super::read::Inside;
use crate::index::Entry;
use crate::layout::{self, BLOBS};
use crate::{
    Config, Descriptor, Digest, Error, ErrorKind, Hasher, Image, Index, MediaType, Reference,
    Result, limits,
};

pub(super) const MANIFEST: &str = "manifest.json";
/// Of one manifest.json.
const IMAGES: usize = 1024;

/// Layers as often as the image has them, lowest first.
pub(super) fn manifest(image: &Image, config: &Descriptor, names: &[Reference]) -> Vec<u8> {
    let path = |digest: Digest| format!("{BLOBS}/{}", digest.hex());
    let layers: Vec<String> = image
        .layers()
        .iter()
        .map(|layer| path(layer.blob.descriptor.digest))
        .collect();
    let names: Vec<String> = names.iter().map(Reference::to_string).collect();
    json!([{ "Config": path(config.digest), "Layers": layers, "RepoTags": names }])
        .to_string()
        .into_bytes()
}

/// Reads an archive without an OCI layout in it. Manifests are made up from what `manifest.json` says; they and the places of the
/// layers are added to `inside`.
pub(super) fn read(files: &Files, inside: &mut Inside) -> Result<Index> {
    let doing = |error: Error| error.during(format!("reading {MANIFEST} of the archive"));
    let bytes = files.read(MANIFEST, limits::MANIFEST_BYTES)?;
    let Ok(Value::Array(images)) = serde_json::from_slice(&bytes) else {
        return Err(Error::malformed(format!(
            "reading {MANIFEST} of the archive: it is no list"
        )));
    };
    if images.len() > IMAGES {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("reading {MANIFEST}: more than {IMAGES} images"),
        ));
    }
    let mut index = Index::empty();
    for image in &images {
        read_image(files, inside, image, &mut index).map_err(doing)?;
    }
    Ok(index)
}

fn read_image(files: &Files, inside: &mut Inside, image: &Value, index: &mut Index) -> Result<()> {
    let strings = |key: &str| -> Vec<&str> {
        let list = image.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let config_path = image.get("Config").and_then(Value::as_str);
    let config_bytes = files.read(
        config_path.ok_or_else(|| Error::malformed("reading Config: no path"))?,
        limits::CONFIG_BYTES,
    )?;
    let config = Config::parse(&config_bytes)?;
    let (paths, diff_ids) = (strings("Layers"), config.diff_ids());
    if paths.len() != diff_ids.len() || paths.len() > limits::LAYERS {
        return Err(Error::malformed(format!(
            "reading Layers: {} of them for {} diff ids",
            paths.len(),
            diff_ids.len()
        )));
    }
    let mut layers = Vec::new();
    for (path, diff_id) in paths.iter().zip(diff_ids) {
        let place = files.place(path)?;
        let descriptor = describe(files, place, diff_id)?;
        layers.push(descriptor.to_json());
        inside.places.insert(descriptor.digest, place);
    }
    let config_descriptor = Descriptor::of(MediaType::DockerConfig, &config_bytes);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DockerManifest.as_str(),
        "config": config_descriptor.to_json(),
        "layers": layers,
    });
    let manifest = manifest.to_string().into_bytes();
    let descriptor = Descriptor::of(MediaType::DockerManifest, &manifest);
    inside.made.insert(config_descriptor.digest, config_bytes);
    inside.made.insert(descriptor.digest, manifest);

    let names = strings("RepoTags");
    let mut entry = Entry::new(descriptor, Some(config.platform()));
    if names.is_empty() {
        index.push(entry.clone());
    }
    for name in names {
        // Who saved it may have shortened the name.
        let whole =
            Reference::parse(name).map_or_else(|_| name.to_owned(), |name| name.to_string());
        entry.set_annotation(layout::IMAGE_NAME, &whole);
        entry.set_annotation(layout::REF_NAME, &whole);
        index.push(entry.clone());
    }
    Ok(())
}

/// Uncompressed layers have the digest that the config says; compressed ones must be read to know it.
fn describe(files: &Files, place: Place, diff_id: Digest) -> Result<Descriptor> {
    let failed = |error| Error::io("reading a layer of the archive", error);
    let mut start = [0; 4];
    let count = files.open(place).take(4).read(&mut start).map_err(failed)?;
    let media_type = match start.get(..count) {
        Some([0x1f, 0x8b, ..]) => MediaType::DockerLayerGzip,
        Some([0x28, 0xb5, 0x2f, 0xfd]) => MediaType::DockerLayerZstd,
        _ => {
            return Ok(Descriptor {
                media_type: MediaType::DockerLayer,
                digest: diff_id,
                size: place.size,
            });
        }
    };
    let mut hasher = Hasher::new();
    std::io::copy(&mut files.open(place), &mut hasher).map_err(failed)?;
    Ok(Descriptor {
        media_type,
        size: hasher.size(),
        digest: hasher.finish(),
    })
}
