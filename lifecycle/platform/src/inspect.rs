//! What an image is: where it comes from, what it holds, what it starts.

mod history;

use oci::tree::Tree;
use oci::{Image, Images, Reference};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Doing, Result};
use crate::host::Host;
use crate::name::familiar;
use crate::processes::{Process, processes};
use crate::run::no_image;

pub use history::{Entry, Step, files, history};

/// Spec: platform.md, "Labels".
const LIFECYCLE: &str = "io.buildpacks.lifecycle.metadata";
const BUILD: &str = "io.buildpacks.build.metadata";

/// What can be told of an image.
#[derive(Debug, Clone, Serialize)]
pub struct Inspected {
    pub name: String,
    /// Of the manifest.
    pub digest: String,
    pub platform: String,
    /// RFC 3339, as the image says.
    pub created: Option<String>,
    /// Compressed layers.
    pub bytes: u64,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub run_image: Option<RunImage>,
    pub buildpacks: Vec<Buildpack>,
    pub processes: Vec<Process>,
    pub env: Vec<String>,
    pub labels: std::collections::BTreeMap<String, String>,
    /// Lowest first.
    pub layers: Vec<Layer>,
    pub efficiency: Efficiency,
}

/// How much is there more than once, by dive's formula.
#[derive(Debug, Clone, Serialize)]
pub struct Efficiency {
    /// 1 when nothing is.
    pub score: f64,
    pub wasted_bytes: u64,
    /// Of all uncompressed files.
    pub size_bytes: u64,
}

/// What the application stands on.
#[derive(Debug, Clone, Serialize)]
pub struct RunImage {
    pub name: String,
    /// Compressed bytes of its layers.
    pub bytes: u64,
    pub layers: usize,
}

#[derive(Debug, Clone, Serialize)]
pub struct Buildpack {
    pub id: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    pub diff_id: String,
    /// Of the compressed bytes.
    pub digest: String,
    pub bytes: u64,
    /// What it holds: `run image`, `slipway/pip:venv`, `application`, `launcher`, …
    pub holds: String,
}

/// Describes an image of the store.
pub fn inspect(host: &Host<'_>, name: &Reference) -> Result<Inspected> {
    let store = host.images()?;
    let image = store
        .find(name)
        .doing(format!("looking for {}", name.as_typed()))?;
    let image = image.ok_or_else(|| no_image(name))?;
    let efficiency = efficiency(&image)?;
    Ok(describe(name, &image, efficiency))
}

/// The layers of an image, lowest first.
pub(crate) fn layers_of(image: &Image) -> Vec<Layer> {
    layers(image, &label(image, LIFECYCLE))
}

/// Reads all layers.
fn efficiency(image: &Image) -> Result<Efficiency> {
    let trees = Tree::of_layers(image.layers()).doing("reading the layers")?;
    let found = oci::efficiency::efficiency(&trees, 1);
    Ok(Efficiency {
        score: found.score,
        wasted_bytes: found.wasted_bytes,
        size_bytes: found.size_bytes,
    })
}

fn describe(name: &Reference, image: &Image, efficiency: Efficiency) -> Inspected {
    let config = image.config();
    let (lifecycle, build) = (label(image, LIFECYCLE), label(image, BUILD));
    let layers = layers(image, &lifecycle);
    Inspected {
        name: familiar(name),
        digest: image.digest().to_string(),
        platform: config.platform().to_string(),
        created: config.created().map(str::to_owned),
        bytes: image.size(),
        user: config.user().map(str::to_owned),
        working_dir: config.working_dir().map(str::to_owned),
        run_image: run_image(&lifecycle, &layers),
        buildpacks: buildpacks(&build),
        processes: processes(image),
        env: config
            .env()
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        labels: config
            .labels()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        layers,
        efficiency,
    }
}

/// A label that is JSON; null when it is absent or makes no sense.
fn label(image: &Image, key: &str) -> Value {
    let text = image.config().label(key).unwrap_or("{}");
    serde_json::from_str(text).unwrap_or_default()
}

fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(value, |value, key| value.get(key))?
        .as_str()
}

fn run_image(lifecycle: &Value, layers: &[Layer]) -> Option<RunImage> {
    let name = text(lifecycle, &["runImage", "image"])
        .or_else(|| text(lifecycle, &["stack", "runImage", "image"]))?;
    let ours: Vec<&Layer> = layers
        .iter()
        .filter(|layer| layer.holds == RUN_IMAGE)
        .collect();
    Some(RunImage {
        name: name.to_owned(),
        bytes: ours.iter().map(|layer| layer.bytes).sum(),
        layers: ours.len(),
    })
}

fn buildpacks(build: &Value) -> Vec<Buildpack> {
    let entries = build
        .get("buildpacks")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let buildpack = |entry: &Value| {
        Some(Buildpack {
            id: text(entry, &["id"])?.to_owned(),
            version: text(entry, &["version"]).unwrap_or_default().to_owned(),
        })
    };
    entries.iter().filter_map(buildpack).collect()
}

const RUN_IMAGE: &str = "run image";

/// What each layer holds, by the diff ids in the lifecycle's label.
fn layers(image: &Image, lifecycle: &Value) -> Vec<Layer> {
    let named = named_layers(lifecycle);
    let top = text(lifecycle, &["runImage", "topLayer"]).unwrap_or_default();
    let base = image
        .layers()
        .iter()
        .position(|layer| layer.diff_id.to_string() == top);
    let holds = |index: usize, diff_id: &str| match base {
        Some(top) if index <= top => RUN_IMAGE.to_owned(),
        _ => named
            .iter()
            .find(|(sha, _)| sha == diff_id)
            .map(|(_, name)| name.clone())
            .unwrap_or_default(),
    };
    let layer = |(index, layer): (usize, &oci::Layer)| {
        let diff_id = layer.diff_id.to_string();
        Layer {
            holds: holds(index, &diff_id),
            digest: layer.blob.descriptor.digest.to_string(),
            bytes: layer.blob.descriptor.size,
            diff_id,
        }
    };
    image.layers().iter().enumerate().map(layer).collect()
}

/// Diff ids and names of everything above the run image.
fn named_layers(lifecycle: &Value) -> Vec<(String, String)> {
    let mut named = Vec::new();
    let mut add =
        |sha: Option<&str>, name: String| named.extend(sha.map(|sha| (sha.to_owned(), name)));
    for slice in lifecycle
        .get("app")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        add(text(slice, &["sha"]), "application".to_owned());
    }
    for (key, name) in [
        ("config", "configuration"),
        ("launcher", "launcher"),
        ("process-types", "process types"),
        ("sbom", "bill of materials"),
    ] {
        add(text(lifecycle, &[key, "sha"]), name.to_owned());
    }
    for buildpack in lifecycle
        .get("buildpacks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let id = text(buildpack, &["key"]).unwrap_or_default();
        for (layer, about) in buildpack
            .get("layers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            add(text(about, &["sha"]), format!("{id}:{layer}"));
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use oci::{Blob, Descriptor, Digest, History, MediaType, Memory};

    use super::*;

    fn layer(content: &str) -> oci::Layer {
        let descriptor = Descriptor::of(MediaType::OciLayerGzip, content.as_bytes());
        let source: Arc<dyn oci::Source> = Arc::new(Memory::default());
        oci::Layer {
            diff_id: Digest::of(content.as_bytes()),
            blob: Blob::new(descriptor, source),
        }
    }

    #[test]
    fn layers_are_named_by_what_they_hold() {
        let mut image = Image::empty(&oci::Platform::host());
        for content in ["base", "top", "venv", "app"] {
            image = image.append(layer(content), &History::new("", ""));
        }
        let sha = |content: &str| Digest::of(content.as_bytes()).to_string();
        let label = serde_json::json!({
            "app": [{"sha": sha("app")}],
            "buildpacks": [{"key": "slipway/pip", "layers": {"venv": {"sha": sha("venv")}}}],
            "runImage": {"topLayer": sha("top"), "image": "base:1"},
        });
        image.config_mut().set_label(LIFECYCLE, &label.to_string());
        let whole = Efficiency {
            score: 1.0,
            wasted_bytes: 0,
            size_bytes: 0,
        };
        let told = describe(&Reference::parse("hello").unwrap(), &image, whole);
        let holds: Vec<_> = told
            .layers
            .iter()
            .map(|layer| layer.holds.as_str())
            .collect();
        assert_eq!(
            holds,
            ["run image", "run image", "slipway/pip:venv", "application"]
        );
        let run_image = told.run_image.unwrap();
        assert_eq!(
            (run_image.name.as_str(), run_image.layers, run_image.bytes),
            ("base:1", 2, 7)
        );
    }
}
