//! What the caller has set for pip and uv: where packages come from, and what may be installed.
//!
//! It comes as files that no other buildpack sees (docs/design/decisions.md 33): `<platform>/slipway/pip/env/<NAME>` for
//! variables, `…/files/pip.conf.<n>` (lowest precedence first), `…/files/netrc` and `…/files/uv.toml`. Variables that the
//! user gave this build win over those. uv knows nothing of pip's names, so they are translated.

mod netrc;
mod pip_conf;
mod variables;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use toolkit::{BuildContext, Context, Failure, Result, read_text, without_user_info};

use crate::requirements::Requirements;
pub(crate) use netrc::Netrc;
pub(crate) use variables::is_about_installing;

/// Settings of pip that decide what is installed, by their long names, with their values.
type Options = BTreeMap<String, String>;

/// Further variables of uv that are handed down, by how they begin. Others are for other commands of uv, are decided by
/// this buildpack, or are secrets that have no business in a build (`UV_PUBLISH_TOKEN`).
const HANDED_DOWN: [&str; 21] = [
    "UV_BUILD_CONSTRAINT",
    "UV_CONCURRENT_",
    "UV_CONSTRAINT",
    "UV_EXCLUDE",
    "UV_FORK_STRATEGY",
    "UV_HTTP_",
    "UV_INDEX",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_NO_BINARY",
    "UV_NO_BUILD",
    "UV_NO_SOURCES",
    "UV_NO_VERIFY_HASHES",
    "UV_OFFLINE",
    "UV_OVERRIDE",
    "UV_PRERELEASE",
    "UV_REQUEST_TIMEOUT",
    "UV_REQUIRE_",
    "UV_RESOLUTION",
    "UV_SYSTEM_CERTS",
    "UV_TORCH_BACKEND",
];

/// Those of them that say how to fetch, not what; they have no part in the layer's key.
const ABOUT_TRANSPORT: [&str; 6] = [
    "UV_CONCURRENT_",
    "UV_HTTP_",
    "UV_NATIVE_TLS",
    "UV_OFFLINE",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
];

/// Everything that the caller has set, in uv's terms.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// URL of the index, with credentials; `None` is PyPI.
    pub(crate) index: Option<String>,
    /// Further indexes, first one first.
    pub(crate) extra_indexes: Vec<String>,
    /// Folders and pages with distributions.
    pub(crate) find_links: Vec<String>,
    pub(crate) no_index: bool,
    /// Only wheels and archives of the source's own folder are used.
    pub(crate) vendored: Option<PathBuf>,
    pub(crate) require_hashes: bool,
    pub(crate) pre_releases: bool,
    pub(crate) only_binary: Vec<String>,
    pub(crate) no_binary: Vec<String>,
    pub(crate) constraints: Vec<String>,
    pub(crate) trusted_hosts: Vec<String>,
    pub(crate) timeout_seconds: Option<String>,
    /// Other variables of uv.
    pub(crate) uv: BTreeMap<String, String>,
    pub(crate) uv_toml: Option<PathBuf>,
    uv_toml_text: Option<String>,
    pub(crate) netrc_file: Option<PathBuf>,
    pub(crate) netrc: Netrc,
}

impl Settings {
    /// Gathers all there is; every secret among it is hidden in the log from now on.
    pub(crate) fn read(cx: &BuildContext<'_>, requirements: &Requirements) -> Result<Settings> {
        variables::refuse(cx)?;
        let given = cx.platform.join("slipway/pip");
        let variables = variables::read(cx, &given.join("env"))?;
        let mut options = Options::new();
        for file in pip_conf_files(&given.join("files")) {
            options.extend(pip_conf::read(&file)?);
        }
        options.extend(variables::of_pip(&variables));
        let mut settings = Settings::from_pip(&options);
        settings.take_uv(&variables);
        settings.take_files(&given.join("files"))?;
        settings.take_requirements(requirements);
        settings.vendored = vendored(cx)?;
        settings.require_hashes |= cx.flag("BP_PYTHON_REQUIRE_HASHES")?;
        if let Some(links) = cx.variable("BP_PIP_FIND_LINKS")? {
            settings.find_links.extend(words(links));
        }
        settings.hide_secrets(cx);
        Ok(settings)
    }

    fn from_pip(options: &Options) -> Settings {
        let list = |name: &str| {
            options
                .get(name)
                .map(|value| words(value))
                .unwrap_or_default()
        };
        let packages = |name: &str| {
            let joined = options.get(name).cloned().unwrap_or_default();
            joined
                .split([',', ' ', '\n'])
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let flag = |name: &str| options.get(name).is_some_and(|value| is_true(value));
        Settings {
            index: options.get("index-url").cloned(),
            extra_indexes: list("extra-index-url"),
            find_links: list("find-links"),
            no_index: flag("no-index"),
            require_hashes: flag("require-hashes"),
            pre_releases: flag("pre"),
            only_binary: packages("only-binary"),
            no_binary: packages("no-binary"),
            constraints: list("constraint"),
            trusted_hosts: list("trusted-host"),
            timeout_seconds: options
                .get("timeout")
                .or_else(|| options.get("default-timeout"))
                .cloned(),
            ..Settings::default()
        }
    }

    /// uv's own names win over pip's.
    fn take_uv(&mut self, variables: &BTreeMap<String, String>) {
        for (name, value) in variables {
            match name.as_str() {
                "UV_DEFAULT_INDEX" => self.index = Some(unnamed(value).to_owned()),
                "UV_INDEX_URL" if !variables.contains_key("UV_DEFAULT_INDEX") => {
                    self.index = Some(value.clone());
                }
                "UV_INDEX_URL" => {}
                "UV_EXTRA_INDEX_URL" => self.extra_indexes = words(value),
                "UV_FIND_LINKS" => {
                    self.find_links = value
                        .split(',')
                        .map(|link| link.trim().to_owned())
                        .collect();
                }
                name if HANDED_DOWN.iter().any(|start| name.starts_with(start)) => {
                    self.uv.insert(name.to_owned(), value.clone());
                }
                _ => {}
            }
        }
    }

    fn take_files(&mut self, files: &Path) -> Result<()> {
        self.uv_toml = Some(files.join("uv.toml")).filter(|file| file.is_file());
        if let Some(file) = &self.uv_toml {
            self.uv_toml_text = read_text(file)?;
        }
        self.netrc_file = Some(files.join("netrc")).filter(|file| file.is_file());
        if let Some(file) = &self.netrc_file {
            self.netrc = Netrc::parse(&read_text(file)?.unwrap_or_default());
        }
        Ok(())
    }

    /// Options in the requirements files that uv leaves to the command line; the others it reads there itself.
    fn take_requirements(&mut self, requirements: &Requirements) {
        for (name, value) in requirements.options() {
            match (name, value) {
                ("--pre", _) => self.pre_releases = true,
                ("--require-hashes", _) => self.require_hashes = true,
                ("--trusted-host", Some(host)) => self.trusted_hosts.push(host.to_owned()),
                _ => {}
            }
        }
        // As pip does: one hash, and everything needs one.
        self.require_hashes |= requirements.has_hashes();
    }

    fn hide_secrets(&self, cx: &Context<'_>) {
        for secret in self.secrets() {
            cx.log.hide(&secret);
        }
    }

    /// Passwords and tokens, for hiding them and for making sure that none is in the layer.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let variables = self.uv.iter();
        let passwords = variables.filter(|(name, _)| name.ends_with("_PASSWORD"));
        let mut secrets: Vec<String> = self
            .texts_with_urls()
            .flat_map(|text| text.split(|c: char| c.is_whitespace() || c == '"' || c == '\''))
            .filter_map(user_info)
            .map(|info| info.split_once(':').map_or(info, |(_, password)| password))
            .chain(passwords.map(|(_, value)| value.as_str()))
            .chain(self.netrc.passwords())
            .filter(|secret| secret.len() >= 4)
            .map(str::to_owned)
            .collect();
        secrets.sort();
        secrets.dedup();
        secrets
    }

    /// Everything in which a URL may have a user name and a password.
    fn texts_with_urls(&self) -> impl Iterator<Item = &str> {
        let index = self.index.iter();
        let lists = index.chain(&self.extra_indexes).chain(&self.find_links);
        let indexes = self
            .uv
            .iter()
            .filter(|(name, _)| name.starts_with("UV_INDEX"));
        lists
            .chain(indexes.map(|(_, value)| value))
            .chain(&self.uv_toml_text)
            .map(String::as_str)
    }

    /// What of all this decides what is installed, without credentials.
    pub(crate) fn identity(&self) -> Result<Vec<(String, String)>> {
        let mut parts: Vec<(String, String)> = Vec::new();
        let mut list = |name: &str, values: Vec<String>| {
            let value = values.join(" ");
            if !value.is_empty() {
                parts.push((name.to_owned(), value));
            }
        };
        let clean = |urls: &[String]| urls.iter().map(|url| without_user_info(url)).collect();
        list(
            "index",
            self.index
                .iter()
                .map(|url| without_user_info(url))
                .collect(),
        );
        list("extra-index", clean(&self.extra_indexes));
        list("only-binary", self.only_binary.clone());
        list("no-binary", self.no_binary.clone());
        let flags = [
            ("no-index", self.no_index),
            ("pre", self.pre_releases),
            ("require-hashes", self.require_hashes),
        ];
        for (name, _) in flags.iter().filter(|(_, set)| *set) {
            list(name, vec!["yes".to_owned()]);
        }
        for (number, link) in self.find_links.iter().enumerate() {
            let listing = local_folder(link)
                .map_or_else(|| Ok(without_user_info(link)), |folder| listing(&folder))?;
            list(&format!("find-links {number}"), vec![listing]);
        }
        for (number, file) in self.constraints.iter().enumerate() {
            let text = read_text(Path::new(file))?.unwrap_or_default();
            list(&format!("constraint {number}"), vec![text]);
        }
        list(
            "uv.toml",
            self.uv_toml_text
                .iter()
                .map(|text| without_user_info(text))
                .collect(),
        );
        for (name, value) in &self.uv {
            let secret = name.ends_with("_PASSWORD") || name.ends_with("_USERNAME");
            if !secret && !ABOUT_TRANSPORT.iter().any(|start| name.starts_with(start)) {
                list(name, vec![without_user_info(value)]);
            }
        }
        Ok(parts)
    }
}

fn pip_conf_files(folder: &Path) -> Vec<PathBuf> {
    (0..16)
        .map(|number| folder.join(format!("pip.conf.{number}")))
        .filter(|file| file.is_file())
        .collect()
}

/// The folder of vendored distributions: `BP_PIP_DEST_PATH`, or `vendor` when there are any in it.
fn vendored(cx: &Context<'_>) -> Result<Option<PathBuf>> {
    if let Some(folder) = cx.variable("BP_PIP_DEST_PATH")? {
        let folder = cx.app.join(folder);
        return Ok(Some(folder).filter(|folder| folder.is_dir()));
    }
    let folder = cx.app.join("vendor");
    let mut files = fs::read_dir(&folder).into_iter().flatten().flatten();
    let has_any = files.any(|entry| {
        let end = entry.path().extension().map(OsStr::to_owned);
        end.is_some_and(|end| end == "whl" || end == "gz")
    });
    Ok(has_any.then_some(folder))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn is_true(value: &str) -> bool {
    matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on" | "y" | "t"
    )
}

/// `name=url` is how uv writes an index with a name.
fn unnamed(value: &str) -> &str {
    match value.split_once('=') {
        Some((name, url)) if !name.contains("://") && url.contains("://") => url,
        _ => value,
    }
}

/// `user:password` of a URL.
fn user_info(url: &str) -> Option<&str> {
    let authority = url.split("://").nth(1)?.split('/').next()?;
    authority.rsplit_once('@').map(|(info, _)| info)
}

/// The folder that a find-links value names, if it is one of this machine.
pub(crate) fn local_folder(link: &str) -> Option<PathBuf> {
    let path = link.strip_prefix("file://").unwrap_or(link);
    (!path.contains("://")).then(|| PathBuf::from(path))
}

/// Names and sizes of the files in a folder, sorted: distributions carry their version in their name.
fn listing(folder: &Path) -> Result<String> {
    let mut files: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let meta = entry
            .metadata()
            .map_err(|error| Failure::internal("reading a folder of distributions", &error))?;
        if meta.is_file() {
            let name = entry.file_name();
            files.push(format!("{}:{}", OsStr::to_string_lossy(&name), meta.len()));
        }
    }
    files.sort();
    Ok(files.join(" "))
}
