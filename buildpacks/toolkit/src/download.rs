//! Files from the network, pinned by their digest.

use std::ffi::OsStr;
use std::path::Path;

use cnb::Environment;
use data_encoding::HEXLOWER;
use http::{Client, Expected, Proxies, Settings};

use crate::{Class, Failure, Result};

/// Where the caller's certificates are bound to (docs/design/decisions.md 33).
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A client with the caller's certificates and proxies, as the environment of a build has them.
pub fn client(env: &Environment) -> Result<Client> {
    let text = |name: &str| env.get(OsStr::new(name)).to_str().map(str::to_owned);
    let bundle = text("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let settings = Settings {
        roots: std::fs::read(bundle.as_deref().unwrap_or(BUNDLE)).unwrap_or_default(),
        proxies: Proxies::from_variables(&text),
        ..Settings::default()
    };
    Client::new(settings).map_err(|error| failure("SLP-BLD-102", "preparing for downloads", &error))
}

/// A file that may lie at several addresses; whichever answers, its bytes are known beforehand.
#[derive(Debug, Clone)]
pub struct Download<'a> {
    /// Tried in this order.
    pub urls: &'a [String],
    /// 64 hexadecimal digits.
    pub sha256: &'a str,
    pub size_bytes: u64,
}

impl Download<'_> {
    /// Fetches the file to `to`, which appears complete and verified or not at all.
    ///
    /// A digest that is none is a mistake of the buildpack, and like a digest that no file has.
    pub fn fetch(&self, client: &Client, to: &Path) -> http::Result<()> {
        let mut sha256 = [0; 32];
        let digits = self.sha256.as_bytes();
        if digits.len() == 2 * sha256.len() {
            // A wrong digit leaves zeros.
            let _ = HEXLOWER.decode_mut(digits, &mut sha256);
        }
        let expected = Expected {
            sha256,
            size: Some(self.size_bytes),
        };
        client.download(self.urls, Some(expected), to)
    }
}

/// A failed request as a failure: its class, its chain and its one hint.
pub fn failure(code: &'static str, doing: &str, error: &http::Error) -> Failure {
    let class = match error.kind() {
        http::ErrorKind::Denied => Class::Denied,
        http::ErrorKind::Digest => Class::Integrity,
        _ if error.is_transient() => Class::Transient,
        _ => Class::User,
    };
    let failure = Failure::new(code, doing).class(class).source(error);
    match error.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}
