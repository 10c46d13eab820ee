//! Running uv.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use toolkit::{BuildContext, Command, Ended, Environment, Result};

use crate::settings::{Settings, is_about_installing};
use crate::venv::Venv;

/// Where the caller's certificates are bound to (docs/design/decisions.md 33).
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The oldest time that a zip archive, and so a wheel, can hold; builds of packages take it for all times.
const EPOCH: &str = "315532800";

/// What is to be installed, by what, and where to.
pub(crate) struct Install<'a> {
    pub(crate) uv: &'a Path,
    pub(crate) cache: &'a Path,
    pub(crate) venv: &'a Venv,
    pub(crate) files: &'a [PathBuf],
    pub(crate) settings: &'a Settings,
    /// Look everything up anew, whatever the cache says.
    pub(crate) refresh: bool,
}

/// The environment of programs that work on the layer: the build's own, without what would steer them elsewhere.
pub(crate) fn environment(cx: &BuildContext<'_>) -> Environment {
    let given = cx.env.iter().filter(|(name, _)| {
        let name = name.to_string_lossy();
        !is_about_installing(&name) && !name.starts_with("PYTHON")
    });
    let mut env = Environment::new(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
    env.set("PYTHONDONTWRITEBYTECODE", "1");
    env.set("PYTHONNOUSERSITE", "1");
    env.set("SOURCE_DATE_EPOCH", EPOCH);
    env.set("LANG", "C.UTF-8");
    env.set("TZ", "UTC");
    let bundle = env
        .get("SSL_CERT_FILE")
        .is_empty()
        .then(|| Path::new(BUNDLE));
    if let Some(bundle) = bundle.filter(|bundle| bundle.is_file()) {
        env.set("SSL_CERT_FILE", bundle);
    }
    env
}

impl Install<'_> {
    /// Runs uv to its end. Its progress is in the log; what it says after its first `error:` is kept only, for whoever
    /// explains it.
    pub(crate) fn run(&self, cx: &BuildContext<'_>) -> Result<Ended> {
        let failed = Mutex::new(false);
        let command = self.installing(&cx.app, environment(cx));
        command.run(&|line| {
            let Ok(mut failed) = failed.lock() else {
                return;
            };
            *failed |= line.starts_with("error:");
            if !*failed && !line.is_empty() && !line.starts_with("Using Python") {
                cx.log.detail(line);
            }
        })
    }

    fn installing(&self, app: &Path, env: Environment) -> Command {
        let mut command = self.command(app, env, "install");
        for file in self.files {
            command = command.arg("--requirements").arg(file);
        }
        if self.settings.require_hashes {
            command = command.arg("--require-hashes");
        }
        self.choosing(command)
    }

    /// A command of `uv pip` for the venv, with nothing yet of what it is to do.
    pub(crate) fn command(&self, app: &Path, env: Environment, name: &str) -> Command {
        Command::new(self.uv, app, &self.variables(env))
            .args(["pip", name, "--python"])
            .arg(self.venv.python())
    }

    /// Adds everything that decides which version of a package is chosen.
    pub(crate) fn choosing(&self, mut command: Command) -> Command {
        for file in &self.settings.constraints {
            command = command.arg("--constraints").arg(file);
        }
        for name in &self.settings.only_binary {
            command = command.arg("--only-binary").arg(name);
        }
        for name in &self.settings.no_binary {
            command = command.arg("--no-binary").arg(name);
        }
        if self.settings.no_index || self.settings.vendored.is_some() {
            command = command.arg("--no-index");
        }
        if self.refresh {
            command = command.arg("--refresh");
        }
        if self.settings.pre_releases {
            command = command.args(["--prerelease", "allow"]);
        }
        command
    }

    /// Addresses go down as variables: arguments would be seen by every process.
    fn variables(&self, mut env: Environment) -> Environment {
        let settings = self.settings;
        for (name, value) in &settings.uv {
            env.set(name, value);
        }
        let cache = self.cache.as_os_str();
        let fixed = [
            ("UV_LINK_MODE", "hardlink"),
            ("UV_NO_INSTALLER_METADATA", "1"),
            ("UV_NO_PROGRESS", "1"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("NO_COLOR", "1"),
        ];
        for (name, value) in fixed {
            env.set(name, value);
        }
        env.set("UV_CACHE_DIR", cache);
        match &settings.uv_toml {
            Some(file) => env.set("UV_CONFIG_FILE", file),
            None => env.set("UV_NO_CONFIG", "1"),
        }
        if let Some(file) = &settings.netrc_file {
            env.set("NETRC", file);
        }
        if let Some(index) = &settings.index {
            env.set("UV_DEFAULT_INDEX", index);
        }
        if let Some(seconds) = &settings.timeout_seconds
            && !settings.uv.contains_key("UV_HTTP_TIMEOUT")
        {
            env.set("UV_HTTP_TIMEOUT", seconds);
        }
        let vendored = settings
            .vendored
            .iter()
            .map(|path| path.display().to_string());
        let links: Vec<String> = vendored
            .chain(settings.find_links.iter().cloned())
            .collect();
        let mut trusted = settings.trusted_hosts.clone();
        trusted.extend(settings.uv.get("UV_INSECURE_HOST").cloned());
        let lists = [
            ("UV_EXTRA_INDEX_URL", settings.extra_indexes.join(" ")),
            ("UV_FIND_LINKS", links.join(",")),
            ("UV_INSECURE_HOST", trusted.join(" ")),
        ];
        for (name, value) in lists.iter().filter(|(_, value)| !value.is_empty()) {
            env.set(*name, value);
        }
        env
    }
}
