//! The labels' JSON: the fields in Go's order, with Go's rules for what is left out and what is `null`.

mod go;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use toml::Table;

use super::{
    BuildMetadata, BuildpackLayers, CacheMetadata, LayerLabel, LayerSha, LifecycleMetadata,
    RunImageLabel,
};
use crate::{
    BomEntry, Error, ErrorKind, GroupElement, PlatformApi, Process, ProjectMetadata, Result,
    StackToml, StoreToml, limits,
};

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

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Build<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bom: Option<Nullable<Vec<Bom<'a>>>>,
    #[serde(serialize_with = "null_if_empty_vec")]
    buildpacks: Vec<Element<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<Element<'a>>,
    launcher: Launcher<'a>,
    #[serde(serialize_with = "null_if_empty_vec")]
    processes: Vec<ProcessLabel<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    buildpack_default_process_type: &'a str,
}

/// `null` when there is none.
pub(super) type Nullable<T> = Option<T>;

#[derive(Serialize)]
pub(super) struct Bom<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    metadata: Option<go::FreeTable<'a>>,
    buildpack: Element<'a>,
}

#[derive(Serialize)]
struct Element<'a> {
    id: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    homepage: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

#[derive(Serialize)]
struct Launcher<'a> {
    version: &'a str,
    source: Source<'a>,
}

#[derive(Serialize)]
struct Source<'a> {
    git: Git<'a>,
}

#[derive(Serialize)]
struct Git<'a> {
    repository: &'a str,
    commit: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ProcessLabel<'a> {
    #[serde(rename = "type")]
    process_type: &'a str,
    command: Command<'a>,
    #[serde(serialize_with = "null_if_empty")]
    args: &'a [String],
    direct: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
    #[serde(rename = "buildpackID")]
    buildpack_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    working_dir: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exec_env: &'a [String],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Command<'a> {
    Word(&'a str),
    List(&'a [String]),
}

impl<'a> Build<'a> {
    pub(super) fn new(metadata: &'a BuildMetadata, api: PlatformApi) -> Build<'a> {
        let launcher = &metadata.launcher;
        let git = Git {
            repository: &launcher.repository,
            commit: &launcher.commit,
        };
        Build {
            bom: api.has_bom_in_label().then(|| bom(&metadata.bom)),
            buildpacks: metadata.buildpacks.iter().map(Element::from).collect(),
            extensions: metadata.extensions.iter().map(Element::from).collect(),
            launcher: Launcher {
                version: &launcher.version,
                source: Source { git },
            },
            processes: metadata
                .processes
                .iter()
                .map(|process| ProcessLabel::new(process, api))
                .collect(),
            buildpack_default_process_type: &metadata.buildpack_default_process_type,
        }
    }
}

pub(super) fn bom(entries: &[BomEntry]) -> Nullable<Vec<Bom<'_>>> {
    (!entries.is_empty()).then(|| entries.iter().map(Bom::from).collect())
}

impl<'a> From<&'a BomEntry> for Bom<'a> {
    fn from(entry: &'a BomEntry) -> Bom<'a> {
        Bom {
            name: &entry.name,
            version: &entry.version,
            metadata: table(&entry.metadata),
            buildpack: Element::from(&entry.buildpack),
        }
    }
}

impl<'a> From<&'a GroupElement> for Element<'a> {
    fn from(element: &'a GroupElement) -> Element<'a> {
        Element {
            id: element.id.as_str(),
            version: &element.version,
            homepage: &element.homepage,
            optional: element.optional,
        }
    }
}

impl<'a> ProcessLabel<'a> {
    fn new(process: &'a Process, api: PlatformApi) -> ProcessLabel<'a> {
        let command = if api.has_command_list() {
            Command::List(&process.command)
        } else {
            Command::Word(process.command.first().map_or("", String::as_str))
        };
        ProcessLabel {
            process_type: &process.process_type,
            command,
            args: &process.args,
            direct: process.direct,
            default: process.default,
            buildpack_id: &process.buildpack_id,
            working_dir: &process.working_dir,
            exec_env: &process.exec_env,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Project<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<ProjectSource<'a>>,
}

#[derive(Serialize)]
struct ProjectSource<'a> {
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    source_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<go::FreeTable<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<go::FreeTable<'a>>,
}

impl<'a> From<&'a ProjectMetadata> for Project<'a> {
    fn from(project: &'a ProjectMetadata) -> Project<'a> {
        let source = |source: &'a crate::ProjectSource| ProjectSource {
            source_type: &source.source_type,
            version: table(&source.version),
            metadata: table(&source.metadata),
        };
        Project {
            source: project.source.as_ref().map(source),
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
