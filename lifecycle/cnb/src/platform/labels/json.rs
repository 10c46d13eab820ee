//! The labels' JSON: the fields in Go's order, with Go's rules for what is left out and what is `null`.

pub(super) mod build;
mod go;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use toml::Table;

use super::{
    BuildpackLayers, CacheMetadata, LayerLabel, LayerSha, LifecycleMetadata, RunImageLabel,
};
use crate::{Error, ErrorKind, Result, StackToml, StoreToml, limits};

/// Reads JSON; `null` counts as absent everywhere, as it does in Go.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    check_size(text)?;
    typed(
        serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Syntax, error.to_string()))?,
    )
}

/// Reads JSON and ignores what follows it.
pub(super) fn read_first<T: DeserializeOwned>(text: &str) -> Result<T> {
    check_size(text)?;
    let first = serde_json::Deserializer::from_str(text).into_iter().next();
    let value = first.ok_or_else(|| Error::new(ErrorKind::Syntax, "there is no JSON"))?;
    typed(value.map_err(|error| Error::new(ErrorKind::Syntax, error.to_string()))?)
}

/// Prints JSON on one line, with Go's escapes and numbers.
pub(super) fn write<T: Serialize>(value: &T) -> Result<String> {
    go::to_string(value).map_err(|error| Error::new(ErrorKind::NotJson, error.to_string()))
}

fn check_size(text: &str) -> Result<()> {
    if text.len() > limits::TEXT_BYTES {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "the JSON is larger than 1 MiB",
        ));
    }
    Ok(())
}

fn typed<T: DeserializeOwned>(mut value: serde_json::Value) -> Result<T> {
    drop_nulls(&mut value);
    if value.is_array() {
        // Serde would take it for the fields in their order.
        return Err(Error::new(
            ErrorKind::Type,
            "the JSON is a list, it must be an object",
        ));
    }
    serde_json::from_value(value).map_err(|error| Error::new(ErrorKind::Type, error.to_string()))
}

fn drop_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        serde_json::Value::Array(array) => {
            array.retain(|value| !value.is_null());
            array.iter_mut().for_each(drop_nulls);
        }
        _ => {}
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Lifecycle<'a> {
    #[serde(serialize_with = "null_if_empty")]
    app: &'a [LayerSha],
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom: &'a Option<LayerSha>,
    #[serde(serialize_with = "null_if_empty_vec")]
    buildpacks: Vec<Buildpack<'a>>,
    config: &'a LayerSha,
    launcher: &'a LayerSha,
    process_types: &'a LayerSha,
    #[serde(rename = "runImage")]
    run_image: RunImage<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Stack<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunImage<'a> {
    top_layer: &'a str,
    reference: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mirrors: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stack<'a> {
    run_image: &'a crate::RunImageNames,
}

#[derive(Serialize)]
struct Buildpack<'a> {
    key: &'a str,
    version: &'a str,
    layers: BTreeMap<&'a str, Layer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Store<'a>>,
}

#[derive(Serialize)]
struct Layer<'a> {
    sha: &'a str,
    data: Option<go::Free<'a>>,
    build: bool,
    launch: bool,
    cache: bool,
}

#[derive(Serialize)]
struct Store<'a> {
    metadata: Option<go::FreeTable<'a>>,
}

impl<'a> From<&'a LifecycleMetadata> for Lifecycle<'a> {
    fn from(metadata: &'a LifecycleMetadata) -> Lifecycle<'a> {
        let stack = |stack: &'a StackToml| Stack {
            run_image: &stack.run_image,
        };
        Lifecycle {
            app: &metadata.app,
            sbom: &metadata.sbom,
            buildpacks: metadata.buildpacks.iter().map(Buildpack::from).collect(),
            config: &metadata.config,
            launcher: &metadata.launcher,
            process_types: &metadata.process_types,
            run_image: RunImage::from(&metadata.run_image),
            stack: metadata.stack.as_ref().map(stack),
        }
    }
}

impl<'a> From<&'a RunImageLabel> for RunImage<'a> {
    fn from(label: &'a RunImageLabel) -> RunImage<'a> {
        RunImage {
            top_layer: &label.top_layer,
            reference: &label.reference,
            image: &label.image,
            mirrors: &label.mirrors,
        }
    }
}

impl<'a> From<&'a BuildpackLayers> for Buildpack<'a> {
    fn from(buildpack: &'a BuildpackLayers) -> Buildpack<'a> {
        let layer = |layer: &'a LayerLabel| Layer {
            sha: &layer.sha,
            data: layer.data.as_ref().map(go::Free),
            build: layer.build,
            launch: layer.launch,
            cache: layer.cache,
        };
        let store = |store: &'a StoreToml| Store {
            metadata: table(&store.metadata),
        };
        Buildpack {
            key: &buildpack.key,
            version: &buildpack.version,
            layers: buildpack
                .layers
                .iter()
                .map(|(name, label)| (name.as_str(), layer(label)))
                .collect(),
            store: buildpack.store.as_ref().map(store),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Cache<'a> {
    sbom: &'a LayerSha,
    #[serde(serialize_with = "null_if_empty_vec")]
    buildpacks: Vec<Buildpack<'a>>,
}

impl<'a> From<&'a CacheMetadata> for Cache<'a> {
    fn from(metadata: &'a CacheMetadata) -> Cache<'a> {
        Cache {
            sbom: &metadata.sbom,
            buildpacks: metadata.buildpacks.iter().map(Buildpack::from).collect(),
        }
    }
}

fn table(table: &Table) -> Option<go::FreeTable<'_>> {
    (!table.is_empty()).then_some(go::FreeTable(table))
}

fn null_if_empty<T: Serialize, S: Serializer>(
    list: &&[T],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    (!list.is_empty()).then_some(list).serialize(serializer)
}

fn null_if_empty_vec<T: Serialize, S: Serializer>(
    list: &Vec<T>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    (!list.is_empty()).then_some(list).serialize(serializer)
}
