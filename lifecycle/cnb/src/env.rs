//! The environment of programs, and the rules by which layers and platforms change it. Pure: callers read directories.
//!
//! Spec: buildpack.md, "Environment"; platform.md, "User-Provided Variables", "Operator-Defined Variables", "Launch".
//! Where they leave something open it is done as in the Go lifecycle (`EV-1` to `EV-8`).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::ImageTarget;

/// Variables, sorted by name; each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    vars: BTreeMap<OsString, OsString>,
}

/// The files of an `env` directory by name. Links are followed, directories left out.
pub type EnvDir = BTreeMap<OsString, OsString>;

/// When an environment is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `bin/detect` and `bin/build`.
    Build,
    /// Processes of the app image.
    Launch,
}

/// Folders of a layer, and the path variables they are prepended to.
type RootDirs = &'static [(&'static str, &'static [&'static str])];

const BUILD_DIRS: RootDirs = &[
    ("bin", &["PATH"]),
    ("include", &["CPATH"]),
    ("lib", &["LD_LIBRARY_PATH", "LIBRARY_PATH"]),
    ("pkgconfig", &["PKG_CONFIG_PATH"]),
];
const LAUNCH_DIRS: RootDirs = &[("bin", &["PATH"]), ("lib", &["LD_LIBRARY_PATH"])];

/// What of our own environment buildpacks see, besides path variables.
const FOR_BUILD: &[&str] = &[
    "CNB_STACK_ID",
    "HOSTNAME",
    "HOME",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];
/// What of our own environment processes do not see.
const NOT_FOR_LAUNCH: &[&str] = &[
    "CNB_LAYERS_DIR",
    "CNB_APP_DIR",
    "CNB_PROCESS_TYPE",
    "CNB_PLATFORM_API",
    "CNB_DEPRECATION_MODE",
];
/// What we put into `PATH` of app images. A trailing slash makes another element, which stays (as in Go).
const OUR_DIRS: &[&[u8]] = &[b"/cnb/process", b"/cnb/lifecycle"];

impl Environment {
    /// Collects variables; a later one wins.
    pub fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        Environment {
            vars: vars.into_iter().collect(),
        }
    }

    /// Keeps what buildpacks may see of the lifecycle's own environment (EV-1).
    pub fn for_build(own: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        let mut env = Environment::new(own);
        env.vars.retain(|name, _| {
            let listed = FOR_BUILD.iter().any(|allowed| name == allowed);
            listed || path_variables(Stage::Build).any(|variable| name == variable)
        });
        env
    }

    /// Takes away what processes are not to see of the launcher's own environment (EV-8).
    pub fn for_launch(own: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        let mut env = Environment::new(own);
        env.vars
            .retain(|name, _| !NOT_FOR_LAUNCH.iter().any(|hidden| name == hidden));
        if let Some(path) = env.vars.get_mut(OsStr::new("PATH")) {
            let elements = path.as_bytes().split(|byte| *byte == b':');
            let kept: Vec<&[u8]> = elements
                .filter(|element| !OUR_DIRS.contains(element))
                .collect();
            *path = OsString::from_vec(kept.join(&b':'));
        }
        env
    }

    /// Returns a variable's value, empty when it is not set.
    pub fn get(&self, name: impl AsRef<OsStr>) -> &OsStr {
        self.vars
            .get(name.as_ref())
            .map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.vars.insert(name.into(), value.into());
    }

    /// Iterates in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Prepends the folders that a layer has to the path variables they belong to (EV-5, EV-6).
    ///
    /// `layer` is absolute; `exists` says whether something (a file will do) is at a path, links followed.
    pub fn add_layer_root(&mut self, stage: Stage, layer: &Path, exists: &dyn Fn(&Path) -> bool) {
        for (folder, variables) in root_dirs(stage) {
            let path = layer.join(folder);
            if exists(&path) {
                for variable in *variables {
                    self.prepend(OsStr::new(variable), path.as_os_str(), OsStr::new(":"));
                }
            }
        }
    }

    /// Applies a layer's `env`, `env.build`, `env.launch` or `env.launch/<type>`: no suffix overrides (EV-7).
    pub fn add_layer_env(&mut self, dir: &EnvDir) {
        self.add_env_dir(dir, Action::Override);
    }

    /// Applies `<platform>/env`: path variables are prepended to, all others set (EV-2).
    pub fn add_platform_env(&mut self, dir: &EnvDir) {
        for (name, value) in dir {
            if path_variables(Stage::Build).any(|variable| name == variable) {
                self.prepend(name, value, OsStr::new(":"));
            } else {
                self.set(name, value);
            }
        }
    }

    /// Applies `<build-config>/env`: no suffix is a default (EV-3).
    pub fn add_build_config_env(&mut self, dir: &EnvDir) {
        self.add_env_dir(dir, Action::Default);
    }

    /// Sets what tells a program about the run image; an absent part leaves no variable (EV-4).
    pub fn add_target(&mut self, target: &ImageTarget) {
        self.set("CNB_TARGET_OS", &target.os);
        self.set("CNB_TARGET_ARCH", &target.arch);
        let distro = target.distro.clone().unwrap_or_default();
        let optional = [
            ("CNB_TARGET_ARCH_VARIANT", &target.variant),
            ("CNB_TARGET_DISTRO_NAME", &distro.name),
            ("CNB_TARGET_DISTRO_VERSION", &distro.version),
        ];
        for (name, value) in optional {
            if !value.is_empty() {
                self.set(name, value);
            }
        }
    }

    fn add_env_dir(&mut self, dir: &EnvDir, unsuffixed: Action) {
        for (file, value) in dir {
            let (name, action) = split_name(file, unsuffixed);
            // The delimiter counts only in the same directory, with the very name.
            let delimiter = |default: &'static str| {
                let mut file = name.to_owned();
                file.push(".delim");
                dir.get(&file).cloned().unwrap_or_else(|| default.into())
            };
            match action {
                Some(Action::Override) => self.set(name, value),
                Some(Action::Default) if self.get(name).is_empty() => self.set(name, value),
                Some(Action::Default) | None => {}
                Some(Action::Prepend) => self.prepend(name, value, &delimiter("")),
                Some(Action::PrependPath) => self.prepend(name, value, &delimiter(":")),
                Some(Action::Append) => self.append(name, value, &delimiter("")),
            }
        }
    }

    fn prepend(&mut self, name: &OsStr, value: &OsStr, delimiter: &OsStr) {
        let old = self.get(name);
        let joined = if old.is_empty() {
            value.to_owned()
        } else {
            concat([value, delimiter, old])
        };
        self.set(name, joined);
    }

    fn append(&mut self, name: &OsStr, value: &OsStr, delimiter: &OsStr) {
        let old = self.get(name);
        let joined = if old.is_empty() {
            value.to_owned()
        } else {
            concat([old, delimiter, value])
        };
        self.set(name, joined);
    }
}

impl IntoIterator for Environment {
    type Item = (OsString, OsString);
    type IntoIter = std::collections::btree_map::IntoIter<OsString, OsString>;

    fn into_iter(self) -> Self::IntoIter {
        self.vars.into_iter()
    }
}

#[derive(Clone, Copy)]
enum Action {
    Append,
    Default,
    Override,
    Prepend,
    PrependPath,
}

/// Splits a file's name at the first dot; an unknown suffix gives no action. `FOO.` prepends to a path.
fn split_name(file: &OsStr, unsuffixed: Action) -> (&OsStr, Option<Action>) {
    let bytes = file.as_bytes();
    let Some(dot) = bytes.iter().position(|byte| *byte == b'.') else {
        return (file, Some(unsuffixed));
    };
    let (name, suffix) = bytes.split_at(dot);
    let action = match suffix {
        b".append" => Some(Action::Append),
        b".default" => Some(Action::Default),
        b".override" => Some(Action::Override),
        b".prepend" => Some(Action::Prepend),
        b"." => Some(Action::PrependPath),
        _ => None,
    };
    (OsStr::from_bytes(name), action)
}

fn root_dirs(stage: Stage) -> RootDirs {
    match stage {
        Stage::Build => BUILD_DIRS,
        Stage::Launch => LAUNCH_DIRS,
    }
}

fn path_variables(stage: Stage) -> impl Iterator<Item = &'static str> {
    root_dirs(stage)
        .iter()
        .flat_map(|(_, variables)| variables.iter().copied())
}

fn concat(parts: [&OsStr; 3]) -> OsString {
    let mut joined = OsString::new();
    for part in parts {
        joined.push(part);
    }
    joined
}
