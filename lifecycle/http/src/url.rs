//! Addresses: the parts we need of a URL, without its secrets, and what a relative one means.

use ureq::http::Uri;

use crate::error::{Error, ErrorKind, Result};

/// A URL with scheme `http` or `https`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    /// Lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, beginning with a slash.
    pub(crate) target: String,
    /// `user:password` as written, percent signs included.
    pub(crate) user_info: Option<String>,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Url> {
        let bad = |why: &str| {
            Error::new(
                ErrorKind::Other,
                format!("{} is not a web address", without_secrets(text)),
            )
            .because(why.to_owned())
        };
        // A fragment is for the reader, not for the server.
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text
            .parse()
            .map_err(|error: ureq::http::uri::InvalidUri| bad(&error.to_string()))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad("only http and https are understood")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        let user_info = authority
            .as_str()
            .rsplit_once('@')
            .map(|(user_info, _)| user_info.to_owned());
        let target = uri
            .path_and_query()
            .map_or("/", ureq::http::uri::PathAndQuery::as_str);
        Ok(Url {
            secure,
            host,
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            target: if target.starts_with('/') {
                target.to_owned()
            } else {
                format!("/{target}")
            },
            user_info,
        })
    }

    /// What `location` means when it is said by the server of this address.
    pub(crate) fn join(&self, location: &str) -> Result<Url> {
        if location.starts_with("//") {
            let scheme = if self.secure { "https:" } else { "http:" };
            return Url::parse(&format!("{scheme}{location}"));
        }
        let scheme_end = location.find([':', '/', '?', '#']).unwrap_or(0);
        if location.as_bytes().get(scheme_end) == Some(&b':') {
            return Url::parse(location);
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = match location.as_bytes().first() {
            Some(b'/') => location.to_owned(),
            Some(b'?') => format!("{path}{location}"),
            None => self.target.clone(),
            Some(_) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{location}")
            }
        };
        let mut joined = Url::parse(&format!("{}{}", self.origin(), without_dots(&target)))?;
        joined.user_info.clone_from(&self.user_info);
        Ok(joined)
    }

    /// `scheme://host:port` as far as needed.
    pub(crate) fn origin(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.secure, self.port) {
            (true, 443) => format!("https://{host}"),
            (false, 80) => format!("http://{host}"),
            (true, port) => format!("https://{host}:{port}"),
            (false, port) => format!("http://{host}:{port}"),
        }
    }

    /// The whole address without user name and password.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.origin(), self.target)
    }
}

/// Removes `.` and `..` from the path of a target that begins with a slash.
fn without_dots(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{}{query}", kept.join("/"))
}

/// An address as it may be shown: user name and password replaced.
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{tail}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Url, without_secrets};

    fn check(base: &str, location: &str, expected: &str) {
        let joined = Url::parse(base).and_then(|base| base.join(location));
        assert_eq!(joined.map(|url| url.text()).unwrap_or_default(), expected);
    }

    #[test]
    fn locations_are_understood_relative_to_the_address_they_came_from() {
        let base = "https://user:secret@mirror.example:8443/a/b?x=1";
        check(base, "https://cdn.example/z", "https://cdn.example/z");
        check(base, "//cdn.example/z", "https://cdn.example/z");
        check(
            base,
            "/z?q=http://x/",
            "https://mirror.example:8443/z?q=http://x/",
        );
        check(base, "c", "https://mirror.example:8443/a/c");
        check(base, "../../../c/./d/", "https://mirror.example:8443/c/d/");
        check(base, "?y=2", "https://mirror.example:8443/a/b?y=2");
        check("http://[::1]:8080/", "x", "http://[::1]:8080/x");
        check(base, "file:///etc/passwd", "");
        check(base, "gopher://x/", "");
    }

    #[test]
    fn shown_addresses_have_no_password() {
        assert_eq!(
            without_secrets("https://user:pa@ss@host/simple/?a@b"),
            "https://***@host/simple/?a@b"
        );
        assert_eq!(without_secrets("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_secrets("no address"), "no address");
    }
}
