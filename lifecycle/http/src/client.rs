//! The client: chooses the route, follows redirects by our own rules, repeats what is worth repeating.

use std::io::Read;

use ureq::Agent;
use ureq::http::HeaderMap;

use crate::agent;
use crate::answer::{failed, refused};
use crate::error::{Error, ErrorKind, Result};
use crate::paced::Paced;
use crate::redirect;
use crate::request::{Request, Response, Stream};
use crate::retry::Attempts;
use crate::settings::Settings;
use crate::url::Url;

/// Fetches over http and https; cheap to share between threads, connections are kept alive.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    direct: Agent,
    through_http: Option<Agent>,
    through_https: Option<Agent>,
}

impl Client {
    /// Fails when the roots hold no certificate or a proxy's address cannot be understood.
    pub fn new(settings: Settings) -> Result<Client> {
        let roots = agent::roots(&settings.roots)?;
        let through = |proxy: &Option<String>, secure| {
            let proxy = proxy.as_deref();
            proxy
                .map(|proxy| agent::through(proxy, secure, &settings, &roots))
                .transpose()
        };
        let direct = agent::direct(&settings, &roots);
        let through_http = through(&settings.proxies.http, false)?;
        let through_https = through(&settings.proxies.https, true)?;
        Ok(Client {
            settings,
            direct,
            through_http,
            through_https,
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Fetches a whole answer of at most `limit` bytes, trying again after transient failures.
    pub fn get(&self, url: &str, limit: u64) -> Result<Response> {
        self.fetch(&Request::get(url), limit)
    }

    /// As [`Client::get`], with headers.
    pub fn fetch(&self, request: &Request<'_>, limit: u64) -> Result<Response> {
        let mut attempts = Attempts::new(self.settings.tries);
        loop {
            match self.fetch_once(request, limit) {
                Ok(response) => return Ok(response),
                Err(error) => attempts.again(error)?,
            }
        }
    }

    fn fetch_once(&self, request: &Request<'_>, limit: u64) -> Result<Response> {
        let mut stream = self.open(request)?;
        let too_large = || {
            Error::new(
                ErrorKind::TooLarge,
                format!("{} is larger than {limit} bytes", stream.url),
            )
        };
        if stream.length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let read = stream.body.by_ref().take(limit + 1).read_to_end(&mut body);
        if u64::try_from(body.len()).unwrap_or(u64::MAX) > limit {
            return Err(too_large());
        }
        read.map_err(|error| failed(&format!("reading {}", stream.url), error.into()))?;
        Ok(Response {
            status: stream.status,
            url: stream.url,
            body,
            headers: stream.headers,
        })
    }

    /// Sends a request once, follows redirects and returns as soon as the headers are there.
    pub fn open(&self, request: &Request<'_>) -> Result<Stream> {
        let first = Url::parse(request.url)?;
        if self.settings.offline {
            return Err(Error::new(
                ErrorKind::Offline,
                format!("fetching {} is not allowed offline", first.text()),
            ));
        }
        let mut url = first.clone();
        for _ in 0..=redirect::LIMIT {
            let doing = format!("fetching {}", url.text());
            let answer = self.send(request, &first, &url, &doing)?;
            let (parts, body) = answer.into_parts();
            let status = parts.status.as_u16();
            match (status, location(&parts.headers)) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    url = redirect::follow(&url, location)?;
                }
                (200..=299 | 304, _) => {
                    let body = body.into_with_config().limit(u64::MAX).reader();
                    return Ok(Stream {
                        status,
                        url: url.text(),
                        headers: parts.headers,
                        body: Box::new(Paced::new(body, self.settings.timeouts)),
                    });
                }
                _ => return Err(refused(&doing, status, &parts.headers, body)),
            }
        }
        Err(Error::new(
            ErrorKind::Other,
            format!(
                "{} redirects more than {} times",
                first.text(),
                redirect::LIMIT
            ),
        ))
    }

    fn send(
        &self,
        request: &Request<'_>,
        first: &Url,
        url: &Url,
        doing: &str,
    ) -> Result<ureq::http::Response<ureq::Body>> {
        let is_home = redirect::is_same_origin(first, url);
        let mut builder = self.agent(url).get(url.text());
        if let Some(user_info) = url.user_info.as_deref().filter(|_| is_home) {
            builder = builder.header("Authorization", agent::basic(user_info));
        }
        for (name, value) in &request.headers {
            let is_secret =
                ["authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str());
            if is_home || !is_secret {
                builder = builder.header(*name, value);
            }
        }
        builder.call().map_err(|error| failed(doing, error))
    }

    fn agent(&self, url: &Url) -> &Agent {
        let through = if url.secure {
            &self.through_https
        } else {
            &self.through_http
        };
        match (self.settings.proxies.of(url), through) {
            (Some(_), Some(agent)) => agent,
            _ => &self.direct,
        }
    }
}

fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get("location")?.to_str().ok()
}
