//! Which proxy for which address, by the rules that curl and Go agree on.

use std::net::IpAddr;

use crate::url::Url;

/// Proxies as the usual variables name them; empty means none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Proxy for `http://` addresses.
    pub http: Option<String>,
    /// Proxy for `https://` addresses.
    pub https: Option<String>,
    /// Hosts that are reached directly, as in `NO_PROXY`.
    pub except: String,
}

impl Proxies {
    /// Takes the values of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`; a lower-case name wins over the upper-case one.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Proxies {
        let either = |name: &str| {
            [name.to_owned(), name.to_ascii_uppercase()]
                .iter()
                .filter_map(|name| variable(name))
                .map(|value| value.trim().to_owned())
                .find(|value| !value.is_empty())
        };
        let all = either("all_proxy");
        Proxies {
            http: either("http_proxy").or_else(|| all.clone()),
            https: either("https_proxy").or(all),
            except: either("no_proxy").unwrap_or_default(),
        }
    }

    /// The proxy for an address; `None` means a direct connection.
    pub(crate) fn of(&self, url: &Url) -> Option<&str> {
        let proxy = if url.secure { &self.https } else { &self.http };
        proxy.as_deref().filter(|_| !self.is_excepted(url))
    }

    /// This machine itself is never asked for through a proxy.
    fn is_excepted(&self, url: &Url) -> bool {
        let address: Option<IpAddr> = url.host.parse().ok();
        if url.host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        self.except
            .split([',', ' '])
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .any(|rule| matches(&rule.to_ascii_lowercase(), url, address))
    }
}

/// `*`, a host with its subdomains, `.domain`, `*.domain`, an address, a network in CIDR form; each but the last with an optional port.
fn matches(rule: &str, url: &Url, address: Option<IpAddr>) -> bool {
    if rule == "*" {
        return true;
    }
    if let Some((network, bits)) = rule.split_once('/') {
        return in_network(network, bits, address).unwrap_or(false);
    }
    let (host, port) = split_port(rule);
    if port.is_some_and(|port| port != url.port) {
        return false;
    }
    if let Ok(rule) = host.parse::<IpAddr>() {
        return Some(rule) == address;
    }
    let domain = host.strip_prefix('*').unwrap_or(host);
    match domain.strip_prefix('.') {
        Some(bare) => {
            url.host.len() > domain.len() && url.host.ends_with(domain) && !bare.is_empty()
        }
        None => url.host == domain || url.host.ends_with(&format!(".{domain}")),
    }
}

fn split_port(rule: &str) -> (&str, Option<u16>) {
    let bare = rule.trim_matches(['[', ']']);
    if bare.parse::<IpAddr>().is_ok() {
        return (bare, None);
    }
    match rule
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse()))
    {
        Some((host, Ok(port))) => (host.trim_matches(['[', ']']), Some(port)),
        _ => (rule, None),
    }
}

fn in_network(network: &str, bits: &str, address: Option<IpAddr>) -> Option<bool> {
    let bits: u32 = bits.parse().ok()?;
    Some(match (network.parse().ok()?, address?) {
        (IpAddr::V4(network), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::Proxies;
    use crate::url::Url;

    fn check(except: &str, url: &str, proxied: bool) {
        let proxies = Proxies {
            http: Some("http://proxy:3128".to_owned()),
            https: Some("http://proxy:3128".to_owned()),
            except: except.to_owned(),
        };
        let url = Url::parse(url).unwrap();
        assert_eq!(
            proxies.of(&url).is_some(),
            proxied,
            "NO_PROXY={except} {url:?}"
        );
    }

    #[test]
    fn hosts_in_no_proxy_are_reached_directly() {
        check("", "http://deb.debian.org/", true);
        check("*", "http://deb.debian.org/", false);
        check("debian.org", "http://deb.debian.org/", false);
        check("debian.org", "http://debian.org/", false);
        check("debian.org", "http://notdebian.org/", true);
        check(".debian.org", "http://deb.debian.org/", false);
        check(".debian.org", "http://debian.org/", true);
        check("*.debian.org", "http://deb.debian.org/", false);
        check("a, DEBIAN.org", "https://DEB.debian.org/", false);
        check("debian.org:8080", "http://debian.org/", true);
        check("debian.org:8080", "http://debian.org:8080/", false);
        check("10.0.0.0/8", "http://10.1.2.3/", false);
        check("10.0.0.0/8", "http://11.1.2.3/", true);
        check("10.0.0.0/8", "http://ten.example/", true);
        check("0.0.0.0/0", "http://11.1.2.3/", false);
        check("fd00::/8", "http://[fd12::1]/", false);
        check("fd12::1", "http://[fd12::1]:80/", false);
        check("", "http://localhost:5000/", false);
        check("", "http://127.0.0.2/", false);
    }

    #[test]
    fn lower_case_variables_win_and_all_proxy_fills_in() {
        let read = |pairs: &'static [(&'static str, &'static str)]| {
            Proxies::from_variables(&|name| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        let both = read(&[
            ("HTTPS_PROXY", "http://upper"),
            ("https_proxy", "http://lower"),
        ]);
        assert_eq!(both.https.as_deref(), Some("http://lower"));
        assert_eq!(both.http, None);
        let all = read(&[
            ("ALL_PROXY", "http://all"),
            ("http_proxy", ""),
            ("no_proxy", "x"),
        ]);
        assert_eq!(all.http.as_deref(), Some("http://all"));
        assert_eq!(all.https.as_deref(), Some("http://all"));
        assert_eq!(all.except, "x");
    }
}
