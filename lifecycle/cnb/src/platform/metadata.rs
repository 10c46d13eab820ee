//! metadata.toml: what the builder leaves for the exporter and the launcher.

use std::fmt;
use std::path::Path;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::GroupElement;
use crate::{
    BomEntry, BuildpackApi, BuildpackId, Error, ErrorKind, PlatformApi, Result, Slice, toml_file,
};

/// What the build phase found out; in the image at `<layers>/config/metadata.toml`.
///
/// Spec: platform.md, "metadata.toml".
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Metadata {
    pub bom: Vec<BomEntry>,
    pub buildpacks: Vec<GroupElement>,
    pub extensions: Vec<GroupElement>,
    pub labels: Vec<Label>,
    pub processes: Vec<Process>,
    pub slices: Vec<Slice>,
    pub buildpack_default_process_type: String,
}

/// The part of metadata.toml that the launcher needs; the rest may be wrong.
///
/// Spec: platform.md, "metadata.toml".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LaunchMetadata {
    /// As they were written: the launcher splits commands by rules of its own.
    pub processes: Vec<Process>,
    pub buildpacks: Vec<LaunchBuildpack>,
}

/// A buildpack whose layers are in the image.
///
/// Spec: platform.md, "metadata.toml": `[[buildpacks]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LaunchBuildpack {
    pub id: BuildpackId,
    /// As written.
    pub api: String,
}

impl LaunchMetadata {
    /// Reads metadata.toml.
    pub fn parse(text: &str, file: &Path) -> Result<LaunchMetadata> {
        toml_file::read(text, file)
    }
}

impl LaunchBuildpack {
    /// Reads the version of the Buildpack API that it declares.
    pub fn buildpack_api(&self) -> Result<BuildpackApi> {
        self.api.parse()
    }
}

/// Something the launcher can start.
///
/// Spec: platform.md, "metadata.toml": `[[processes]]`; buildpack.md, "launch.toml": `[[processes]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Process {
    #[serde(rename = "type")]
    pub process_type: String,
    /// The program and arguments that are always given to it. In the file also a string, which is one word.
    #[serde(deserialize_with = "command")]
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub direct: bool,
    pub default: bool,
    pub buildpack_id: String,
    pub working_dir: String,
    pub exec_env: Vec<String>,
}

/// An image label that a buildpack asks for.
///
/// Spec: buildpack.md, "launch.toml": `[[labels]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Label {
    pub key: String,
    pub value: String,
}

impl Process {
    /// Below Platform API 0.10 a command is one word, so that further words become arguments.
    #[must_use]
    pub fn for_platform(mut self, api: PlatformApi) -> Process {
        if !api.has_command_list() && !self.command.is_empty() {
            let words = self.command.split_off(1);
            self.args.splice(..0, words);
        }
        self
    }
}

impl Metadata {
    /// Reads metadata.toml, processes as they are for this platform.
    pub fn parse(text: &str, file: &Path, api: PlatformApi) -> Result<Metadata> {
        let mut metadata: Metadata = toml_file::read(text, file)?;
        let processes = metadata.processes.into_iter();
        metadata.processes = processes.map(|process| process.for_platform(api)).collect();
        Ok(metadata)
    }

    /// Prints metadata.toml.
    ///
    /// Fails with [`ErrorKind::Type`] when a process has no command at all below Platform API 0.10, where there is
    /// no way to write that.
    pub fn to_toml(&self, api: PlatformApi) -> Result<String> {
        let processes = self
            .processes
            .iter()
            .cloned()
            .map(|process| process.for_platform(api));
        let processes: Vec<Process> = processes.collect();
        let processes: Result<Vec<ProcessFile<'_>>> =
            processes.iter().map(|process| process.file(api)).collect();
        Ok(toml_file::write(&MetadataFile {
            bom: &self.bom,
            buildpacks: &self.buildpacks,
            extensions: &self.extensions,
            labels: &self.labels,
            processes: processes?,
            slices: &self.slices,
            buildpack_default_process_type: &self.buildpack_default_process_type,
        }))
    }
}

impl Process {
    fn file(&self, api: PlatformApi) -> Result<ProcessFile<'_>> {
        let without_command = || {
            let what = format!(
                "process type '{}' has no command, which this platform cannot record",
                self.process_type
            );
            Error::new(ErrorKind::Type, what)
        };
        let command = if api.has_command_list() {
            Command::List(&self.command)
        } else {
            Command::Word(self.command.first().ok_or_else(without_command)?)
        };
        Ok(ProcessFile {
            process_type: &self.process_type,
            command,
            args: &self.args,
            direct: self.direct,
            default: self.default,
            buildpack_id: &self.buildpack_id,
            working_dir: &self.working_dir,
            exec_env: &self.exec_env,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MetadataFile<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    buildpack_default_process_type: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    bom: &'a [BomEntry],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    buildpacks: &'a [GroupElement],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    extensions: &'a [GroupElement],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    labels: &'a [Label],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    processes: Vec<ProcessFile<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    slices: &'a [Slice],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ProcessFile<'a> {
    #[serde(rename = "type")]
    process_type: &'a str,
    command: Command<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    args: &'a [String],
    direct: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    default: bool,
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

/// Reads a string or a list; numbers and booleans in the list are taken as they look (`[1, true]`).
fn command<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<String>, D::Error> {
    struct Words;
    impl<'de> Visitor<'de> for Words {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of strings")
        }
        fn visit_str<E>(self, word: &str) -> std::result::Result<Vec<String>, E> {
            Ok(vec![word.to_owned()])
        }
        fn visit_seq<A: SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> std::result::Result<Vec<String>, A::Error> {
            let mut words = Vec::new();
            while let Some(Word(word)) = list.next_element()? {
                words.push(word);
            }
            Ok(words)
        }
    }
    deserializer.deserialize_any(Words)
}

struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Word, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Word;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, word: &str) -> std::result::Result<Word, E> {
                Ok(Word(word.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> std::result::Result<Word, E> {
                Ok(Word(number.to_string()))
            }
            fn visit_f64<E>(self, number: f64) -> std::result::Result<Word, E> {
                Ok(Word(number.to_string()))
            }
            fn visit_bool<E>(self, boolean: bool) -> std::result::Result<Word, E> {
                Ok(Word(boolean.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}
