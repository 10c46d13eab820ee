//! A signed archive on loopback: what a mirror has, what it loses, what it is asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::package::{Package, xz};
use super::signer::Signer;

/// Serves paths from memory until the test program ends.
pub(crate) struct Archive {
    port: u16,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    log: Arc<Mutex<Vec<String>>>,
}

/// What a release file says beside its files.
pub(crate) struct Dates<'a> {
    pub(crate) date: &'a str,
    pub(crate) valid_until: Option<&'a str>,
}

impl Archive {
    pub(crate) fn start() -> Archive {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let archive = Archive {
            port: listener.local_addr().unwrap().port(),
            files: Arc::default(),
            log: Arc::default(),
        };
        let (files, log) = (Arc::clone(&archive.files), Arc::clone(&archive.log));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (files, log) = (Arc::clone(&files), Arc::clone(&log));
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    loop {
                        let Some(Ok(line)) = lines.next() else { return };
                        while lines
                            .next()
                            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                        {
                        }
                        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                        let found = files.lock().unwrap().get(&path).cloned();
                        log.lock().unwrap().push(path);
                        let (status, body) = match found {
                            Some(body) => ("200 OK", body),
                            None => ("404 Not Found", Vec::new()),
                        };
                        let head = format!(
                            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
                            body.len()
                        );
                        if stream
                            .write_all(head.as_bytes())
                            .and_then(|()| stream.write_all(&body))
                            .is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        archive
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Paths asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path).unwrap();
    }

    /// Where a package lies.
    pub(crate) fn pool(package: &Package) -> String {
        format!("pool/main/{}_{}_amd64.deb", package.name, package.version)
    }

    /// Puts packages into the pool and into a newly signed index.
    pub(crate) fn publish(
        &self,
        packages: &[Package],
        suite: &str,
        dates: &Dates<'_>,
        signer: &Signer,
    ) {
        let mut index = String::new();
        for package in packages {
            let bytes = package.bytes();
            let (digest, size) = (oci::Digest::of(&bytes).hex(), bytes.len());
            let path = Archive::pool(package);
            index += &format!(
                "{}Filename: {path}\nSize: {size}\nSHA256: {digest}\n\n",
                package.control()
            );
            self.put(&format!("/debian/{path}"), bytes);
        }
        let packed = xz(index.as_bytes());
        let digest = oci::Digest::of(&packed).hex();
        let mut text = format!("Suite: {suite}\nDate: {}\n", dates.date);
        if let Some(until) = dates.valid_until {
            text += &format!("Valid-Until: {until}\n");
        }
        text += &format!(
            "SHA256:\n {digest} {} main/binary-amd64/Packages.xz\n",
            packed.len()
        );
        let below = format!("/debian/dists/{suite}");
        self.put(
            &format!("{below}/main/binary-amd64/by-hash/SHA256/{digest}"),
            packed,
        );
        self.put(&format!("{below}/InRelease"), signer.sign(&text));
    }
}
