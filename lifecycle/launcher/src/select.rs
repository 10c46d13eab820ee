//! Which process: by the name we were called by, else what the user gave.
//!
//! Spec: platform.md, "Launcher", "Outputs"; `LA-2` to `LA-4`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use cnb::{BuildpackApi, LaunchBuildpack, Process, runs_in};

use crate::{Error, ErrorKind, Result, Settings};

/// A process, with the arguments it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Empty for a command of the user's.
    pub process_type: String,
    pub command: Vec<OsString>,
    pub args: Vec<OsString>,
    pub direct: bool,
    pub working_dir: PathBuf,
    pub buildpack_id: String,
}

/// Chooses the process; pure.
pub fn choose(settings: &Settings) -> Result<Chosen> {
    let (name, given) = settings
        .args
        .split_first()
        .map_or((OsStr::new(""), &[][..]), |(name, given)| (name, given));
    let found = match process_type(name)
        .to_str()
        .filter(|name| settings.has_type(name))
    {
        Some(name) => settings.of_type(name, given),
        None => settings.of_user(given),
    };
    found.map_err(|(kind, what)| Error::new(kind, format!("determine start command: {what}")))
}

impl Chosen {
    /// Returns program and arguments of a direct process.
    pub fn direct_command(&self) -> Result<(&OsStr, impl Iterator<Item = &OsString>)> {
        let Some((program, words)) = self.command.split_first() else {
            let what = format!(
                "no command provided for process type {:?}",
                self.process_type
            );
            return Err(Error::new(ErrorKind::EmptyCommand, what));
        };
        Ok((program, words.iter().chain(&self.args)))
    }

    /// Returns the command of a process that goes through a shell: all words in one.
    pub fn shell_command(&self) -> OsString {
        self.command.join(OsStr::new(" "))
    }
}

type Found = std::result::Result<Chosen, (ErrorKind, String)>;

impl Settings {
    /// Looks at all processes, whatever their execution environment: a wrong one is an error, not a user's command.
    fn has_type(&self, name: &str) -> bool {
        // Without a name a process can be listed, but not be asked for.
        !name.is_empty()
            && self
                .metadata
                .processes
                .iter()
                .any(|process| process.process_type == name)
    }

    fn of_type(&self, name: &str, given: &[OsString]) -> Found {
        let eligible = |process: &&Process| {
            let here =
                !self.platform_api.has_exec_env() || runs_in(&process.exec_env, &self.exec_env);
            process.process_type == name && here
        };
        let Some(process) = self.metadata.processes.iter().find(eligible) else {
            return Err((
                ErrorKind::TypeNotFound,
                format!("process type {name} was not found"),
            ));
        };
        let (command, args) = self.with_user_args(process, given)?;
        Ok(Chosen {
            process_type: process.process_type.clone(),
            command,
            args,
            direct: process.direct,
            working_dir: if process.working_dir.is_empty() {
                self.app.clone()
            } else {
                process.working_dir.clone().into()
            },
            buildpack_id: process.buildpack_id.clone(),
        })
    }

    /// Appends what the user gave, or replaces what may be replaced (LA-3).
    fn with_user_args(
        &self,
        process: &Process,
        given: &[OsString],
    ) -> std::result::Result<(Vec<OsString>, Vec<OsString>), (ErrorKind, String)> {
        let (command, args) = (os(&process.command), os(&process.args));
        if !self.platform_api.has_command_list() {
            return Ok((command, [args.as_slice(), given].concat()));
        }
        if let [program, words @ ..] = command.as_slice()
            && !words.is_empty()
        {
            let last = if given.is_empty() {
                args.as_slice()
            } else {
                given
            };
            return Ok((vec![program.clone()], [words, last].concat()));
        }
        if given.is_empty() {
            return Ok((command, args));
        }
        let replaces =
            api_of(&self.metadata.buildpacks, &process.buildpack_id).ok_or_else(|| {
                let (name, id) = (&process.process_type, &process.buildpack_id);
                let what =
                    format!("failed to find buildpack for process {name} with buildpack ID {id}");
                (ErrorKind::UnknownBuildpack, what)
            })?;
        let args = if replaces.has_command_list() {
            given.to_vec()
        } else {
            [args.as_slice(), given].concat()
        };
        Ok((command, args))
    }

    /// `-- program argument…` starts a program, everything else goes through a shell.
    fn of_user(&self, given: &[OsString]) -> Found {
        let (direct, words) = match given {
            [dashes, words @ ..] if dashes == "--" && !words.is_empty() => (true, words),
            words => (false, words),
        };
        let Some((program, args)) = words.split_first() else {
            let what = "when there is no default process a command is required";
            return Err((ErrorKind::NoCommand, what.to_owned()));
        };
        Ok(Chosen {
            process_type: String::new(),
            command: vec![program.clone()],
            args: args.to_vec(),
            direct,
            working_dir: self.app.clone(),
            buildpack_id: String::new(),
        })
    }
}

/// Returns the API of a listed buildpack; all were checked before.
pub(crate) fn api_of(buildpacks: &[LaunchBuildpack], id: &str) -> Option<BuildpackApi> {
    buildpacks
        .iter()
        .find(|buildpack| buildpack.id == *id)?
        .buildpack_api()
        .ok()
}

/// What follows the last slash, which may be nothing; dots belong to it.
fn process_type(name: &OsStr) -> &OsStr {
    let last = name.as_bytes().rsplit(|byte| *byte == b'/').next();
    OsStr::from_bytes(last.unwrap_or_default())
}

fn os(words: &[String]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}
