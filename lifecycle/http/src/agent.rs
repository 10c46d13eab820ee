//! Agents of ureq as our settings want them: roots, time limits, routes through proxies.

use std::sync::Arc;

use data_encoding::BASE64;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy};

use crate::error::{Error, ErrorKind, Result};
use crate::forward::Forward;
use crate::resolver::{Always, Remembering};
use crate::settings::{Settings, Timeouts};
use crate::url::{Url, without_secrets};

/// The agent for addresses that are reached without a proxy.
pub(crate) fn direct(settings: &Settings, roots: &RootCerts) -> Agent {
    Agent::with_parts(
        config(settings, roots, None),
        DefaultConnector::new(),
        Remembering::default(),
    )
}

fn config(settings: &Settings, roots: &RootCerts, proxy: Option<Proxy>) -> Config {
    let tls = TlsConfig::builder()
        .root_certs(roots.clone())
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let Timeouts {
        resolve,
        connect,
        headers,
        idle,
        ..
    } = settings.timeouts;
    Agent::config_builder()
        .tls_config(tls)
        // Without this line ureq would ask the environment.
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(settings.user_agent.as_str())
        // Digests are of bytes as they are stored: nobody may compress on the way.
        .accept_encoding("identity")
        .max_response_header_size(64 * 1024)
        .max_idle_connections_per_host(8)
        .timeout_resolve(Some(resolve))
        .timeout_connect(Some(connect))
        .timeout_recv_response(Some(headers))
        .timeout_per_read(Some(idle))
        .timeout_per_write(Some(idle))
        .build()
}

pub(crate) fn roots(pem: &[u8]) -> Result<RootCerts> {
    if pem.is_empty() {
        return Ok(RootCerts::PlatformVerifier);
    }
    let bad = || {
        Error::new(
            ErrorKind::Tls,
            "reading the bundle of trusted certificate authorities",
        )
    };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| bad().because(error))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(bad().because("it holds no certificate in PEM form"));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

/// The agent for addresses of one scheme behind a proxy.
pub(crate) fn through(
    proxy: &str,
    secure: bool,
    settings: &Settings,
    roots: &RootCerts,
) -> Result<Agent> {
    let with_scheme = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    let bad = |why: String| {
        let shown = without_secrets(&with_scheme);
        Error::new(
            ErrorKind::Other,
            format!("{shown} cannot be used as a proxy"),
        )
        .because(why)
    };
    if secure || !with_scheme.starts_with("http://") {
        let proxy = Proxy::new(&with_scheme).map_err(|error| bad(error.to_string()))?;
        let config = config(settings, roots, Some(proxy));
        return Ok(Agent::with_parts(
            config,
            DefaultConnector::new(),
            Remembering::default(),
        ));
    }
    let url = Url::parse(&with_scheme).map_err(|error| bad(error.to_string()))?;
    let uri: Uri = url
        .origin()
        .parse()
        .map_err(|error: ureq::http::uri::InvalidUri| bad(error.to_string()))?;
    Ok(Agent::with_parts(
        config(settings, roots, None),
        Forward::new(url.user_info.as_deref().map(basic)),
        Always {
            proxy: uri,
            resolver: Remembering::default(),
        },
    ))
}

/// `Basic …` for `user:password` as it stands in an address.
pub(crate) fn basic(user_info: &str) -> String {
    let user_info = if user_info.contains(':') {
        user_info.to_owned()
    } else {
        format!("{user_info}:")
    };
    format!("Basic {}", BASE64.encode(&percent_decoded(&user_info)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let code = tail
            .get(..2)
            .filter(|_| *byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*byte));
        rest = match code {
            Some(_) => tail.get(2..).unwrap_or_default(),
            None => tail,
        };
    }
    bytes
}
