//! Host names are looked up once per client, one at a time: parallel look-ups of one name have been seen to stall for seconds.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Mutex;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

#[derive(Debug, Default)]
pub(crate) struct Remembering {
    known: Mutex<HashMap<String, ResolvedSocketAddrs>>,
}

impl Resolver for Remembering {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let key = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or(""),
            uri.authority().map_or("", |a| a.as_str())
        );
        let Ok(mut known) = self.known.lock() else {
            return Err(ureq::Error::HostNotFound);
        };
        if let Some(addresses) = known.get(&key) {
            return Ok(addresses.clone());
        }
        let addresses = DefaultResolver::default()
            .resolve(uri, config, timeout)
            .map_err(|error| match error {
                ureq::Error::Timeout(_) => error,
                error => ureq::Error::Other(Box::new(LookupFailed(error))),
            })?;
        known.insert(key, addresses.clone());
        Ok(addresses)
    }
}

/// Always the proxy's addresses, whatever host the request names.
#[derive(Debug)]
pub(crate) struct Always {
    pub(crate) proxy: Uri,
    pub(crate) resolver: Remembering,
}

impl Resolver for Always {
    fn resolve(
        &self,
        _target: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.resolver.resolve(&self.proxy, config, timeout)
    }
}

/// Marks a failed look-up among ureq's errors.
#[derive(Debug)]
pub(crate) struct LookupFailed(pub(crate) ureq::Error);

impl fmt::Display for LookupFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ureq::Error::Io(error) => write!(f, "{error}"),
            error => write!(f, "{error}"),
        }
    }
}

impl StdError for LookupFailed {}
