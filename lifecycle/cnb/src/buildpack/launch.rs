//! launch.toml: what `bin/build` says about the start of the app.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::bom;
use crate::toml_file::{self, Document};
use crate::{BomEntry, BuildpackApi, ErrorKind, Label, Process, Result};

/// Labels, processes and slices that a buildpack contributes.
///
/// Spec: buildpack.md, "launch.toml (TOML)".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Launch {
    pub bom: Vec<BomEntry>,
    pub labels: Vec<Label>,
    /// `buildpack_id` is empty.
    pub processes: Vec<Process>,
    pub slices: Vec<Slice>,
    /// Types of the processes whose working directory was left out, because Buildpack API 0.7 has none.
    pub ignored_working_dirs: Vec<String>,
}

/// Globs below the app directory whose files get a layer of their own.
///
/// Spec: buildpack.md, "launch.toml (TOML)": `[[slices]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Slice {
    pub paths: Vec<String>,
}

impl Launch {
    /// Reads launch.toml. From Buildpack API 0.9 on a command is a list and every process direct; before, a string.
    ///
    /// Fails with [`ErrorKind::DirectNotSupported`], [`ErrorKind::BomTopLevelVersion`] or
    /// [`ErrorKind::MultipleDefaults`], too.
    pub fn parse(text: &str, file: &Path, api: BuildpackApi) -> Result<Launch> {
        let document = Document::parse(text, file)?;
        let file: File = document.read()?;
        let mut launch = Launch {
            bom: file.bom,
            labels: file.labels,
            slices: file.slices,
            ..Launch::default()
        };
        for (index, entry) in file.processes.into_iter().enumerate() {
            let process = entry.process(api).map_err(|(kind, what)| {
                let what = format!("process {index}: {what}");
                document.refuse(kind, what)
            })?;
            launch.processes.push(process);
        }
        bom::check(&launch.bom)
            .map_err(|what| document.refuse(ErrorKind::BomTopLevelVersion, what))?;
        if has_two_defaults(&launch.processes) {
            let what = "multiple default process types aren't allowed";
            return Err(document.refuse(ErrorKind::MultipleDefaults, what));
        }
        if !api.has_working_dir() {
            launch.drop_working_dirs();
        }
        Ok(launch)
    }

    /// Prints launch.toml for Buildpack API 0.9 and newer: commands as lists, all processes direct.
    pub fn to_toml(&self) -> String {
        let entry = |process: &Process| ProcessEntry {
            process_type: process.process_type.clone(),
            command: Some(process.command.clone().into()),
            args: process.args.clone(),
            direct: None,
            default: process.default,
            working_dir: process.working_dir.clone(),
            exec_env: process.exec_env.clone(),
        };
        toml_file::write(&File {
            bom: self.bom.clone(),
            labels: self.labels.clone(),
            processes: self.processes.iter().map(entry).collect(),
            slices: self.slices.clone(),
        })
    }

    fn drop_working_dirs(&mut self) {
        for process in &mut self.processes {
            if !std::mem::take(&mut process.working_dir).is_empty() {
                self.ignored_working_dirs.push(process.process_type.clone());
            }
        }
    }
}

/// As in Go a default process without a type does not count.
fn has_two_defaults(processes: &[Process]) -> bool {
    let mut named = false;
    for process in processes.iter().filter(|process| process.default) {
        if named {
            return true;
        }
        named = !process.process_type.is_empty();
    }
    false
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct File {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bom: Vec<BomEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Label>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    processes: Vec<ProcessEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slices: Vec<Slice>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
struct ProcessEntry {
    #[serde(rename = "type")]
    process_type: String,
    /// Its type depends on the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<toml::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    working_dir: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exec_env: Vec<String>,
}

impl ProcessEntry {
    fn process(self, api: BuildpackApi) -> std::result::Result<Process, (ErrorKind, &'static str)> {
        let (command, direct) = if api.has_command_list() {
            if self.direct.is_some() {
                let what = "process.direct is not supported on this buildpack version";
                return Err((ErrorKind::DirectNotSupported, what));
            }
            let command =
                list(self.command).ok_or((ErrorKind::Type, "command must be a list of strings"))?;
            (command, true)
        } else {
            let Some(toml::Value::String(command)) = self.command else {
                return Err((ErrorKind::Type, "command must be a string"));
            };
            (vec![command], self.direct.unwrap_or(false))
        };
        Ok(Process {
            process_type: self.process_type,
            command,
            args: self.args,
            direct,
            default: self.default,
            buildpack_id: String::new(),
            working_dir: self.working_dir,
            exec_env: self.exec_env,
        })
    }
}

fn list(command: Option<toml::Value>) -> Option<Vec<String>> {
    let words = match command {
        None => return Some(Vec::new()),
        Some(toml::Value::Array(words)) => words,
        Some(_) => return None,
    };
    let string = |word| match word {
        toml::Value::String(word) => Some(word),
        _ => None,
    };
    words.into_iter().map(string).collect()
}
