//! One HTTP question on loopback, without a library: what the tests ask of a container.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Status and body of an HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Asks `http://127.0.0.1:<port><path>` once; `None` when nobody answers.
pub fn get(port: u16, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

/// Asks until somebody answers or `patience` is over.
pub fn wait_for(port: u16, path: &str, patience: Duration) -> Option<Answer> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Some(answer) = get(port, path) {
            return Some(answer);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}
