//! The JSON of the labels about build and source, and of `sbom.legacy.json`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{BuildMetadata, LauncherMetadata};
use super::{go, null_if_empty, null_if_empty_vec, table};
use crate::{BomEntry, GroupElement, PlatformApi, Process, ProjectMetadata, Result};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct Build<'a> {
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
pub(in super::super) type Nullable<T> = Option<T>;

#[derive(Serialize)]
pub(in super::super) struct Bom<'a> {
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
    pub(in super::super) fn new(metadata: &'a BuildMetadata, api: PlatformApi) -> Build<'a> {
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

pub(in super::super) fn bom(entries: &[BomEntry]) -> Nullable<Vec<Bom<'_>>> {
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
pub(in super::super) struct Project<'a> {
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

/// The label as it is read; a process's buildpack has another key than in metadata.toml.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct BuildFile {
    bom: Vec<BomEntry>,
    buildpacks: Vec<GroupElement>,
    extensions: Vec<GroupElement>,
    launcher: LauncherFile,
    processes: Vec<Process>,
    buildpack_default_process_type: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LauncherFile {
    version: String,
    source: SourceFile,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SourceFile {
    git: GitFile,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GitFile {
    repository: String,
    commit: String,
}

/// Reads the label.
pub(in super::super) fn read(text: &str) -> Result<BuildMetadata> {
    let mut value: Value = super::read(text)?;
    let processes = value.get_mut("processes").and_then(Value::as_array_mut);
    for process in processes.into_iter().flatten() {
        if let Some(object) = process.as_object_mut()
            && let Some(id) = object.remove("buildpackID")
        {
            object.insert("buildpack-id".to_owned(), id);
        }
    }
    let file: BuildFile = super::typed(value)?;
    let GitFile { repository, commit } = file.launcher.source.git;
    Ok(BuildMetadata {
        bom: file.bom,
        buildpacks: file.buildpacks,
        extensions: file.extensions,
        launcher: LauncherMetadata {
            version: file.launcher.version,
            repository,
            commit,
        },
        processes: file.processes,
        buildpack_default_process_type: file.buildpack_default_process_type,
    })
}
