//! pip's and uv's settings of the caller, as files that only the buildpack `slipway/pip` reads.
//!
//! They may hold credentials of package indexes, so they are a mount of their own (`<platform>/slipway/pip`),
//! which the agent hides from every other buildpack. Local files and folders that they name come along:
//! files as copies, folders as mounts, and the names are rewritten to where they are inside.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use oci::Digest;
use regex::{Captures, Regex};

use crate::caller::Caller;
use crate::error::{Doing, Result};
use crate::sum::Sum;

/// Where the settings lie inside.
pub(crate) const INSIDE: &str = "/platform/slipway/pip";

const ENV: &str = "env";
const FILES: &str = "files";

/// Settings about where the caller keeps things, which mean nothing inside.
const LOCAL_ENDINGS: [&str; 9] = [
    "_CACHE_DIR",
    "_TARGET",
    "_PREFIX",
    "_ROOT",
    "_LOG",
    "_SRC",
    "_DIR",
    "_REPORT",
    "_BUILD",
];
const LOCAL: [&str; 8] = [
    "PIP_USER",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_CONFIG_FILE",
    "UV_CONFIG_FILE",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PROJECT",
];

/// A folder of the caller that has to be seen inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) from: PathBuf,
    pub(crate) at: PathBuf,
}

/// The settings as a build gets them. They may hold credentials.
#[derive(Default)]
pub(crate) struct Settings {
    /// Below `env/` and `files/`: content by name.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Folders that have to be mounted.
    pub(crate) shared: Vec<Shared>,
}

impl Settings {
    /// Writes the files and the mount points of the folders below `into`, which is made.
    pub(crate) fn write(&self, into: &Path) -> Result<()> {
        let doing = "writing pip's settings";
        for dir in [into, &into.join(ENV), &into.join(FILES)] {
            fs::create_dir(dir).doing(doing)?;
        }
        for (name, content) in &self.files {
            fs::write(into.join(name), content).doing(doing)?;
        }
        for folder in &self.shared {
            let name = folder.at.strip_prefix(INSIDE).unwrap_or(&folder.at);
            fs::create_dir(into.join(name)).doing(doing)?;
        }
        Ok(())
    }

    /// Adds everything but the contents of the folders.
    pub(crate) fn sum(&self, sum: &mut Sum) {
        let files = self.files.iter();
        let parts: Vec<&[u8]> = files
            .flat_map(|(name, content)| [name.as_os_str().as_bytes(), content])
            .collect();
        sum.list(parts.into_iter());
        let places = self.shared.iter().map(|folder| folder.at.as_os_str());
        sum.list(places.map(OsStrExt::as_bytes));
    }
}

/// Reads the settings. `etc` is the machine's `/etc`.
pub(crate) fn gather(caller: &Caller, etc: &Path) -> Result<Settings> {
    let mut gathering = Gathering {
        settings: Settings::default(),
        home: caller.home().map(Path::to_owned),
        names: BTreeMap::new(),
        pattern: path_pattern(),
    };
    for (name, value) in caller.beginning(&["PIP_", "UV_"]) {
        if wanted(name) {
            let value = gathering.rewrite(value.as_bytes())?;
            gathering.keep(Path::new(ENV).join(name), value);
        }
    }
    for (index, file) in pip_files(caller, etc).iter().enumerate() {
        gathering.settings(file, &format!("pip.conf.{index}"))?;
    }
    if let Some(file) = uv_file(caller, etc) {
        gathering.settings(&file, "uv.toml")?;
    }
    if let Some(file) = netrc(caller) {
        gathering.copy(&file, Path::new("netrc"))?;
    }
    Ok(gathering.settings)
}

fn wanted(name: &str) -> bool {
    !LOCAL.contains(&name)
        && !LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending))
        && !name.starts_with("UV_PYTHON")
}

/// pip's configuration files that exist, lowest precedence first.
///
/// Source: pip, "Configuration", "Location".
fn pip_files(caller: &Caller, etc: &Path) -> Vec<PathBuf> {
    let named = caller.variable("PIP_CONFIG_FILE").map(PathBuf::from);
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let mut files = vec![etc.join("xdg/pip/pip.conf"), etc.join("pip.conf")];
    files.extend(caller.home().map(|home| home.join(".pip/pip.conf")));
    files.extend(caller.config_home().map(|dir| dir.join("pip/pip.conf")));
    files.extend(named);
    files.retain(|file| file.is_file());
    files
}

fn uv_file(caller: &Caller, etc: &Path) -> Option<PathBuf> {
    let named = caller.variable("UV_CONFIG_FILE").map(PathBuf::from);
    let user = caller.config_home().map(|dir| dir.join("uv/uv.toml"));
    [named, user, Some(etc.join("uv/uv.toml"))]
        .into_iter()
        .flatten()
        .find(|file| file.is_file())
}

fn netrc(caller: &Caller) -> Option<PathBuf> {
    let named = caller.variable("NETRC").map(PathBuf::from);
    let user = caller.home().map(|home| home.join(".netrc"));
    [named, user]
        .into_iter()
        .flatten()
        .find(|file| file.is_file())
}

struct Gathering {
    settings: Settings,
    home: Option<PathBuf>,
    /// Path of the caller → its name inside.
    names: BTreeMap<PathBuf, PathBuf>,
    pattern: Regex,
}

impl Gathering {
    fn settings(&mut self, file: &Path, name: &str) -> Result<()> {
        let text = fs::read(file).doing(format!("reading {}", file.display()))?;
        let text = self.rewrite(&text)?;
        self.keep(Path::new(FILES).join(name), text);
        Ok(())
    }

    fn copy(&mut self, file: &Path, name: &Path) -> Result<()> {
        let bytes = fs::read(file).doing(format!("reading {}", file.display()))?;
        self.keep(Path::new(FILES).join(name), bytes);
        Ok(())
    }

    fn keep(&mut self, name: PathBuf, content: Vec<u8>) {
        self.settings.files.insert(name, content);
    }

    /// The same text with every local path that exists replaced by its name inside.
    fn rewrite(&mut self, text: &[u8]) -> Result<Vec<u8>> {
        let Ok(text) = std::str::from_utf8(text) else {
            return Ok(text.to_vec());
        };
        let mut failed = None;
        let pattern = self.pattern.clone();
        let rewritten = pattern.replace_all(text, |found: &Captures<'_>| {
            let part = |index| found.get(index).map_or("", |part| part.as_str());
            let (before, scheme, path) = (part(1), part(2), part(3));
            match self.inside(path) {
                Ok(Some(inside)) => format!("{before}{scheme}{}", inside.display()),
                Ok(None) => part(0).to_owned(),
                Err(error) => {
                    failed = Some(error);
                    part(0).to_owned()
                }
            }
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(rewritten.into_owned().into_bytes()),
        }
    }

    /// The name inside of a path of the caller; `None` when nothing is there.
    fn inside(&mut self, path: &str) -> Result<Option<PathBuf>> {
        let path = match (path.strip_prefix("~/"), &self.home) {
            (Some(below), Some(home)) => home.join(below),
            _ => PathBuf::from(path),
        };
        if let Some(known) = self.names.get(&path) {
            return Ok(Some(known.clone()));
        }
        let Ok(found) = fs::metadata(&path) else {
            return Ok(None);
        };
        let name = name_of(&path);
        let at = Path::new(INSIDE).join(FILES).join(&name);
        if found.is_dir() {
            self.settings.shared.push(Shared {
                from: path.clone(),
                at: at.clone(),
            });
        } else if found.is_file() {
            self.copy(&path, &name)?;
        } else {
            return Ok(None);
        }
        self.names.insert(path, at.clone());
        Ok(Some(at))
    }
}

/// The same on every machine for the same path of the caller, since layer keys hold it; no two paths share one.
fn name_of(path: &Path) -> PathBuf {
    let digest = Digest::of(path.as_os_str().as_bytes()).hex();
    let mut name = digest.into_bytes();
    name.truncate(12);
    name.push(b'-');
    name.extend(path.file_name().unwrap_or(OsStr::new("folder")).as_bytes());
    PathBuf::from(OsString::from_vec(name))
}

/// A path at the beginning of a word: never the path of an `https://` address.
fn path_pattern() -> Regex {
    Regex::new(r#"(?m)(^|[\s,;='"\[])(file://)?((?:/|~/)[^\s,;'"\]]+)"#)
        .expect("the pattern is constant")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(variables: &[(&str, &str)]) -> Caller {
        Caller::new(
            variables
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        )
    }

    #[test]
    fn local_folders_and_files_come_along_under_new_names() {
        let top = tempfile::tempdir().unwrap();
        let home = top.path().join("home");
        let wheels = top.path().join("wheels");
        fs::create_dir_all(home.join(".config/pip")).unwrap();
        fs::create_dir(&wheels).unwrap();
        fs::write(top.path().join("ca.pem"), "pem").unwrap();
        let conf = format!(
            "[global]\ncert = {0}/ca.pem\nfind-links =\n    {0}/wheels\n    https://x/etc/passwd\n",
            top.path().display()
        );
        fs::write(home.join(".config/pip/pip.conf"), conf).unwrap();
        let links = format!("{} https://u:p@example.org/etc", wheels.display());
        let caller = caller(&[
            ("HOME", home.to_str().unwrap()),
            ("PIP_FIND_LINKS", &links),
            ("PIP_CACHE_DIR", "/tmp"),
            ("PIP_CONFIG_FILE", "/nonexistent"),
            ("UV_LINK_MODE", "copy"),
        ]);
        let into = top.path().join("pip");
        let settings = gather(&caller, top.path()).unwrap();
        settings.write(&into).unwrap();

        let inside = |path: &Path| Path::new(INSIDE).join("files").join(name_of(path));
        let (links_inside, ca_inside) = (inside(&wheels), inside(&top.path().join("ca.pem")));
        assert_eq!(
            settings.shared,
            [Shared {
                from: wheels,
                at: links_inside.clone()
            }]
        );
        let env = |name: &str| fs::read_to_string(into.join("env").join(name));
        let (links_inside, ca_inside) = (links_inside.display(), ca_inside.display());
        assert_eq!(
            env("PIP_FIND_LINKS").unwrap(),
            format!("{links_inside} https://u:p@example.org/etc")
        );
        assert_eq!(env("UV_LINK_MODE").unwrap(), "copy");
        assert!(env("PIP_CACHE_DIR").is_err());
        let conf = fs::read_to_string(into.join("files/pip.conf.0")).unwrap();
        let expected = format!(
            "[global]\ncert = {ca_inside}\nfind-links =\n    {links_inside}\n    https://x/etc/passwd\n"
        );
        assert_eq!(conf, expected);
    }

    #[test]
    fn addresses_and_what_does_not_exist_stay_as_they_are() {
        let top = tempfile::tempdir().unwrap();
        let caller = caller(&[
            ("PIP_INDEX_URL", "https://u:p@h/etc/passwd"),
            ("UV_FIND_LINKS", "/nowhere,file:///nowhere"),
        ]);
        let into = top.path().join("pip");
        let settings = gather(&caller, top.path()).unwrap();
        settings.write(&into).unwrap();
        assert_eq!(settings.shared, []);
        let env = |name: &str| fs::read_to_string(into.join("env").join(name)).unwrap();
        assert_eq!(env("PIP_INDEX_URL"), "https://u:p@h/etc/passwd");
        assert_eq!(env("UV_FIND_LINKS"), "/nowhere,file:///nowhere");
    }
}
