//! What is asked for and what comes back.

use std::io::{self, Read};

use ureq::http::HeaderMap;

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
}

impl<'a> Request<'a> {
    /// A GET; a user name and password in the address are sent as basic authorization to its origin only.
    pub fn get(url: &'a str) -> Request<'a> {
        Request {
            url,
            headers: Vec::new(),
        }
    }

    /// Adds a header. `Authorization` and `Cookie` do not follow a redirect to another origin.
    pub fn header(mut self, name: &'a str, value: impl Into<String>) -> Request<'a> {
        self.headers.push((name, value.into()));
        self
    }
}

/// A complete answer with status 2xx or 304.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// The address after all redirects, without user name and password.
    pub url: String,
    pub body: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

impl Response {
    /// The first header of that name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer with status 2xx or 304 whose body is still coming; dropping it gives the connection up.
pub struct Stream {
    pub status: u16,
    /// The address after all redirects, without user name and password.
    pub url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Box<dyn Read + Send>,
}

impl Stream {
    /// The first header of that name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Bytes of the body, where the server says it.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}
