//! One blocking HTTP client for everything slipway fetches: roots, proxies, timeouts, retries, resume, digest check.
//!
//! A [`Client`] is made once from [`Settings`] that the caller filled in; nothing here reads the environment. Errors say
//! what a user can change ([`ErrorKind`], [`Error::help`]); addresses in them carry no user name or password.

mod agent;
mod answer;
mod client;
mod date;
mod download;
mod error;
mod forward;
mod paced;
mod proxy;
mod redirect;
mod request;
mod resolver;
mod retry;
mod settings;
mod url;

pub use client::Client;
pub use date::parse_date;
pub use download::Expected;
pub use error::{Error, ErrorKind, Result};
pub use proxy::Proxies;
pub use request::{Request, Response, Stream};
pub use settings::{Settings, Timeouts, Tries};
pub use url::without_secrets;
