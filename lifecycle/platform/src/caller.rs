//! What of the caller's environment matters to us. Read once where the program begins, handed down from there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, ErrorKind, Result};

/// The environment variables of whoever started us.
#[derive(Clone, Default)]
pub struct Caller {
    variables: BTreeMap<OsString, OsString>,
}

/// Where distributions keep the certificate authorities of the machine.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// In both cases, as programs disagree about which one they read.
const PROXIES: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];

impl Caller {
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Caller {
        Caller {
            variables: variables.into_iter().collect(),
        }
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// All of them, in order, for a program that runs as the caller.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Variables whose names begin with one of `prefixes`, in order.
    pub(crate) fn beginning(&self, prefixes: &[&str]) -> Vec<(&str, &OsStr)> {
        self.variables
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())))
            .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .collect()
    }

    pub(crate) fn home(&self) -> Option<&Path> {
        self.variable("HOME").map(Path::new)
    }

    /// `$XDG_CONFIG_HOME` or `~/.config`.
    pub(crate) fn config_home(&self) -> Option<PathBuf> {
        match self.variable("XDG_CONFIG_HOME") {
            Some(dir) => Some(dir.into()),
            None => Some(self.home()?.join(".config")),
        }
    }

    /// Proxy variables as they are set, for programs in the build.
    pub(crate) fn proxies(&self) -> Vec<(OsString, OsString)> {
        PROXIES
            .iter()
            .filter_map(|name| Some((OsString::from(name), self.variable(name)?.to_owned())))
            .collect()
    }

    /// The PEM bundle that the caller trusts: `SSL_CERT_FILE`, else the machine's; `None` when there is none.
    pub(crate) fn certificates(&self) -> Result<Option<Vec<u8>>> {
        if let Some(file) = self.variable("SSL_CERT_FILE") {
            let file = Path::new(file);
            let read = fs::read(file).doing(format!(
                "reading the certificate bundle {} (SSL_CERT_FILE)",
                file.display()
            ));
            return read
                .map(Some)
                .map_err(|error| error.help("correct or unset SSL_CERT_FILE"));
        }
        Ok(BUNDLES.iter().find_map(|file| fs::read(file).ok()))
    }

    /// A client with the caller's roots and proxies.
    pub(crate) fn client(&self, offline: bool) -> Result<http::Client> {
        let variable = |name: &str| self.variable(name)?.to_str().map(str::to_owned);
        let settings = http::Settings {
            // Without SSL_CERT_FILE the platform's verifier knows better than a list of file names.
            roots: if self.variable("SSL_CERT_FILE").is_some() {
                self.certificates()?.unwrap_or_default()
            } else {
                Vec::new()
            },
            proxies: http::Proxies::from_variables(&variable),
            offline,
            ..http::Settings::default()
        };
        http::Client::new(settings)
            .map_err(|cause| Error::new(ErrorKind::Usage, "setting up the network").because(cause))
    }
}

impl std::fmt::Debug for Caller {
    /// Values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
