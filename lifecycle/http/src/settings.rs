//! What a client must be told: roots, proxies, patience.

use std::time::Duration;

use crate::proxy::Proxies;

/// How a [`Client`](crate::Client) behaves; the default reads nothing from the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// PEM bundle of trusted certificate authorities; empty means those of the platform.
    pub roots: Vec<u8>,
    /// Which proxy for which address.
    pub proxies: Proxies,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How often to try.
    pub tries: Tries,
    /// Refuse every request with [`ErrorKind::Offline`](crate::ErrorKind::Offline).
    pub offline: bool,
    /// Sent as `User-Agent`.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            roots: Vec::new(),
            proxies: Proxies::default(),
            timeouts: Timeouts::default(),
            tries: Tries::default(),
            offline: false,
            user_agent: concat!("slipway/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Limits in time; there is none on the whole, so that a large file may take as long as it keeps coming.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Looking up a host name.
    pub resolve: Duration,
    /// Connecting, including the proxy and the TLS handshake.
    pub connect: Duration,
    /// From the sent request to the last response header.
    pub headers: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// Slowest body that is put up with, in bytes per `rate_window`.
    pub rate_bytes: u64,
    /// Span over which `rate_bytes` is counted.
    pub rate_window: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            resolve: Duration::from_secs(10),
            connect: Duration::from_secs(20),
            headers: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            rate_bytes: 60 * 1024,
            rate_window: Duration::from_mins(1),
        }
    }
}

/// Repetition of transient failures: waits of `base`, doubled each time up to `cap`, with full jitter.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    /// Attempts per address, the first included.
    pub count: u32,
    /// Longest first wait.
    pub base: Duration,
    /// Longest wait of our own choosing.
    pub cap: Duration,
    /// Longest `Retry-After` that is obeyed; a longer one ends the attempts.
    pub retry_after: Duration,
}

impl Default for Tries {
    fn default() -> Tries {
        Tries {
            count: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            retry_after: Duration::from_mins(5),
        }
    }
}
