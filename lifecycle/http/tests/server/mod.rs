//! A server on loopback that does what a test tells it, mistakes included: one thread per connection, one function per server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Counted over all connections, from 0.
    pub(crate) number: usize,
    /// For example `GET /x HTTP/1.1`.
    pub(crate) line: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What the server does with a request: raw bytes to send, and whether the connection stays for the next one.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) stay: bool,
    /// Sent after `bytes`, one by one with a pause before each.
    pub(crate) drip: Vec<u8>,
    pub(crate) pause_ms: u64,
    /// Leaves with a reset instead of an orderly end.
    pub(crate) reset: bool,
}

impl Answer {
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
        Answer {
            bytes: bytes.into(),
            stay: false,
            drip: Vec::new(),
            pause_ms: 0,
            reset: false,
        }
    }

    pub(crate) fn new(status: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        Answer::raw(format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    pub(crate) fn ok(body: &str) -> Answer {
        Answer::new("200 OK", "", body)
    }
}

pub(crate) struct Server {
    pub(crate) port: u16,
    log: Arc<Mutex<Vec<Asked>>>,
}

type Behave = dyn Fn(&Asked) -> Answer + Send + Sync;

impl Server {
    pub(crate) fn start(behave: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        Server::launch(Arc::new(behave), None)
    }

    /// With the certificate of `localhost` in `tests/tls`.
    pub(crate) fn start_tls(behave: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let chain =
            vec![CertificateDer::from_pem_slice(include_bytes!("../tls/server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Server::launch(Arc::new(behave), Some(Arc::new(config)))
    }

    fn launch(behave: Arc<Behave>, tls: Option<Arc<rustls::ServerConfig>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&log);
        // Lives until the test process ends; every test has servers of its own.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (behave, log, tls) = (Arc::clone(&behave), Arc::clone(&shared), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(&stream, &stream, &*behave, &log),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        let mut secure =
                            rustls::StreamOwned::new(session, stream.try_clone().unwrap());
                        serve(&mut secure, &stream, &*behave, &log);
                    }
                });
            }
        });
        Server { port, log }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

fn serve(
    connection: impl Read + Write,
    socket: &TcpStream,
    behave: &Behave,
    log: &Mutex<Vec<Asked>>,
) {
    let mut reader = BufReader::new(connection);
    loop {
        let Some((line, headers)) = read_request(&mut reader) else {
            return;
        };
        let asked = {
            let mut log = log.lock().unwrap();
            let asked = Asked {
                number: log.len(),
                line,
                headers,
            };
            log.push(asked.clone());
            asked
        };
        let answer = behave(&asked);
        let out = reader.get_mut();
        if out
            .write_all(&answer.bytes)
            .and_then(|()| out.flush())
            .is_err()
        {
            return;
        }
        for byte in answer.drip {
            thread::sleep(std::time::Duration::from_millis(answer.pause_ms));
            if out.write_all(&[byte]).and_then(|()| out.flush()).is_err() {
                return;
            }
        }
        if answer.reset {
            thread::sleep(std::time::Duration::from_millis(50));
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        if !answer.stay {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader
            .read_line(&mut header)
            .ok()
            .filter(|count| *count > 0)?;
        match header.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return Some((line.trim_end().to_owned(), headers)),
        }
    }
}
