//! What the client promises, against a server on loopback that misbehaves on demand.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that panics has failed"
)]

mod server;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::{Client, ErrorKind, Expected, Proxies, Request, Settings, Timeouts, Tries};
use server::{Answer, Server};
use sha2::{Digest, Sha256};

const BODY: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// Settings that lose no time.
fn quick() -> Settings {
    Settings {
        tries: Tries {
            base: Duration::from_millis(1),
            ..Tries::default()
        },
        timeouts: Timeouts {
            headers: Duration::from_millis(300),
            idle: Duration::from_millis(300),
            ..Timeouts::default()
        },
        ..Settings::default()
    }
}

fn client() -> Client {
    Client::new(quick()).unwrap()
}

fn expected(body: &str) -> Expected {
    Expected {
        sha256: Sha256::digest(body).into(),
        size: Some(body.len().try_into().unwrap()),
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("slipway-http-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("file")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn content(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn kind_of(answer: fn() -> Answer) -> ErrorKind {
    let server = Server::start(move |_| answer());
    client().get(&server.url("/"), 100).unwrap_err().kind()
}

#[test]
fn an_answer_has_body_headers_and_the_address_it_came_from() {
    let server = Server::start(|asked| match asked.path() {
        "/a/b" => Answer::new("302 Found", "Location: ../c?d\r\n", ""),
        _ => Answer::new("200 OK", "X-Thing: yes\r\n", "hello"),
    });
    let response = client().get(&server.url("/a/b"), 100).unwrap();
    assert_eq!(response.body, b"hello");
    assert_eq!(response.header("x-thing"), Some("yes"));
    assert_eq!(response.url, server.url("/c?d"));
    let first = &server.asked()[0];
    assert!(first.header("user-agent").unwrap().starts_with("slipway/"));
    assert_eq!(first.header("accept-encoding"), Some("identity"));
}

#[test]
fn bodies_over_the_limit_are_refused_whether_announced_or_not() {
    let announced = || Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\nx");
    assert_eq!(kind_of(announced), ErrorKind::TooLarge);
    let unannounced = || Answer::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(101)));
    assert_eq!(kind_of(unannounced), ErrorKind::TooLarge);
    let exact =
        Server::start(|_| Answer::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100))));
    assert_eq!(client().get(&exact.url("/"), 100).unwrap().body.len(), 100);
}

#[test]
fn statuses_have_kinds_a_caller_can_branch_on() {
    assert_eq!(
        kind_of(|| Answer::new("404 Not Found", "", "")),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind_of(|| Answer::new("401 Unauthorized", "", "")),
        ErrorKind::Denied
    );
    assert_eq!(
        kind_of(|| Answer::new("403 Forbidden", "", "")),
        ErrorKind::Denied
    );
    assert_eq!(kind_of(|| Answer::new("503 No", "", "")), ErrorKind::Busy);
    assert_eq!(
        kind_of(|| Answer::new("418 Teapot", "", "")),
        ErrorKind::Other
    );
    assert_eq!(
        kind_of(|| Answer::raw("SSH-2.0-OpenSSH\r\n")),
        ErrorKind::Broken
    );
}

#[test]
fn errors_show_what_the_server_said_but_no_password() {
    let server =
        Server::start(|_| Answer::new("403 Forbidden", "Content-Type: text/plain\r\n", "not\nyou"));
    let url = format!("http://user:se%63ret@127.0.0.1:{}/x", server.port);
    let error = client().get(&url, 100).unwrap_err();
    assert_eq!(error.to_string(), format!("fetching {}", server.url("/x")));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "HTTP status 403: not you");
    assert_eq!(
        server.asked()[0].header("authorization"),
        Some("Basic dXNlcjpzZWNyZXQ=")
    );
}

#[test]
fn busy_servers_are_asked_again_and_told_waits_are_obeyed_or_end_it() {
    let server = Server::start(|asked| match asked.number {
        0 => Answer::new("429 Slow Down", "Retry-After: 0\r\n", ""),
        1 => Answer::new("500 Oops", "", ""),
        2 => Answer::raw(""),
        3 => Answer::new(
            "429 Slow Down",
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "",
        ),
        _ => Answer::ok("done"),
    });
    assert_eq!(client().get(&server.url("/"), 100).unwrap().body, b"done");
    assert_eq!(server.asked().len(), 5);

    let patient = Server::start(|_| Answer::new("503 Later", "Retry-After: 3600\r\n", ""));
    assert_eq!(
        client().get(&patient.url("/"), 100).unwrap_err().status(),
        Some(503)
    );
    assert_eq!(patient.asked().len(), 1);

    let never = Server::start(|_| Answer::new("404 Not Found", "", ""));
    client().get(&never.url("/"), 100).unwrap_err();
    assert_eq!(never.asked().len(), 1);
}

#[test]
fn redirects_end_and_lead_to_the_web_only() {
    let looping = Server::start(|_| Answer::new("301 Moved", "Location: /\r\n", ""));
    let error = client().get(&looping.url("/"), 100).unwrap_err();
    assert!(error.to_string().contains("more than 10 times"), "{error}");
    assert_eq!(looping.asked().len(), 11);

    let local = Server::start(|_| Answer::new("302 Found", "Location: file:///etc/passwd\r\n", ""));
    assert_eq!(
        client().get(&local.url("/"), 100).unwrap_err().kind(),
        ErrorKind::Other
    );
}

#[test]
fn credentials_do_not_follow_to_another_port() {
    let other = Server::start(|_| Answer::ok("other"));
    let there = other.url("/there");
    let server =
        Server::start(move |_| Answer::new("302 Found", &format!("Location: {there}\r\n"), ""));
    let url = format!("http://user:secret@127.0.0.1:{}/", server.port);
    let request = Request::get(&url)
        .header("Cookie", "c=1")
        .header("X-Kept", "1");
    client().fetch(&request, 100).unwrap();
    assert!(server.asked()[0].header("authorization").is_some());
    let second = &other.asked()[0];
    assert_eq!(
        (second.header("authorization"), second.header("cookie")),
        (None, None)
    );
    assert_eq!(second.header("x-kept"), Some("1"));
}

#[test]
fn a_broken_download_goes_on_where_it_ended() {
    let folder = Folder::new("resume");
    let server = Server::start(|asked| match asked.number {
        0 => Answer {
            reset: true,
            ..Answer::raw(format!(
                "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 36\r\n\r\n{}",
                &BODY[..10]
            ))
        },
        1 => Answer::raw(format!(
            "HTTP/1.1 206 Partial\r\nETag: \"one\"\r\nContent-Range: bytes 10-35/36\r\nContent-Length: 26\r\n\r\n{}",
            &BODY[10..20]
        )),
        _ => Answer::raw(format!(
            "HTTP/1.1 206 Partial\r\nContent-Range: bytes 20-35/36\r\nContent-Length: 16\r\n\r\n{}",
            &BODY[20..]
        )),
    });
    client()
        .download(&[server.url("/f")], Some(expected(BODY)), &folder.file())
        .unwrap();
    assert_eq!(content(&folder.file()), BODY);
    let asked = server.asked();
    assert_eq!(asked[1].header("range"), Some("bytes=10-"));
    assert_eq!(asked[1].header("if-range"), Some("\"one\""));
    assert_eq!(asked[2].header("range"), Some("bytes=20-"));
}

#[test]
fn a_server_without_ranges_is_read_from_the_start_again() {
    let folder = Folder::new("restart");
    let server = Server::start(|asked| match asked.number {
        0 => Answer::raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{}",
            &BODY[..10]
        )),
        1 => Answer::new("416 No", "", ""),
        2 => Answer::raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{}",
            &BODY[..5]
        )),
        _ => Answer::ok(BODY),
    });
    client()
        .download(&[server.url("/f")], Some(expected(BODY)), &folder.file())
        .unwrap();
    assert_eq!(content(&folder.file()), BODY);
    assert_eq!(server.asked()[2].header("range"), None);
}

#[test]
fn an_early_clean_end_is_noticed() {
    let folder = Folder::new("early");
    let server = Server::start(|asked| match asked.number {
        0 => Answer::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n012\r\n0\r\n\r\n",
        ),
        _ => Answer::ok(BODY),
    });
    client()
        .download(&[server.url("/f")], Some(expected(BODY)), &folder.file())
        .unwrap();
    assert_eq!(content(&folder.file()), BODY);
}

#[test]
fn wrong_bytes_are_refused_and_the_next_address_is_tried() {
    let folder = Folder::new("digest");
    let wrong = Server::start(|_| Answer::ok(&BODY.to_uppercase()));
    let short = Server::start(|_| Answer::ok("short"));
    let gone = Server::start(|_| Answer::new("404 Not Found", "", ""));
    let right = Server::start(|_| Answer::ok(BODY));
    let urls: Vec<String> = [&gone, &wrong, &short]
        .map(|server| server.url("/f"))
        .to_vec();
    let error = client()
        .download(&urls, Some(expected(BODY)), &folder.file())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Digest);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
    assert_eq!(
        wrong.asked().len(),
        2,
        "one flipped bit on the way deserves a second attempt"
    );

    let urls = [urls, vec![right.url("/f")]].concat();
    client()
        .download(&urls, Some(expected(BODY)), &folder.file())
        .unwrap();
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn a_longer_file_than_promised_is_not_read_to_its_end() {
    let folder = Folder::new("longer");
    let endless =
        Server::start(|_| Answer::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1 << 20))));
    let error = client()
        .download(&[endless.url("/f")], Some(expected(BODY)), &folder.file())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_failed_download_leaves_the_old_file() {
    let folder = Folder::new("old");
    fs::write(folder.file(), "old").unwrap();
    let gone = Server::start(|_| Answer::new("404 Not Found", "", ""));
    let error = client()
        .download(&[gone.url("/f")], None, &folder.file())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(content(&folder.file()), "old");
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn silence_is_not_waited_for_for_ever() {
    let one_try = Settings {
        tries: Tries {
            count: 1,
            ..Tries::default()
        },
        ..quick()
    };
    let client = Client::new(one_try).unwrap();
    let mute = Server::start(|_| Answer {
        drip: vec![b'H'],
        pause_ms: 5_000,
        ..Answer::raw("")
    });
    let stalled = Server::start(|_| Answer {
        drip: vec![b'x'],
        pause_ms: 5_000,
        ..Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
    });
    for server in [mute, stalled] {
        let start = Instant::now();
        let error = client.get(&server.url("/"), 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(3));
    }
}

#[test]
fn a_dripping_server_is_given_up() {
    let settings = quick();
    let timeouts = Timeouts {
        rate_bytes: 1000,
        rate_window: Duration::from_millis(200),
        ..settings.timeouts
    };
    let client = Client::new(Settings {
        tries: Tries {
            count: 1,
            ..settings.tries
        },
        timeouts,
        ..settings
    })
    .unwrap();
    let server = Server::start(|_| Answer {
        drip: vec![b'x'; 500],
        pause_ms: 10,
        ..Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    });
    let error = client.get(&server.url("/"), 1000).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
}

#[test]
fn nobody_listening_and_no_network_wanted_are_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{free}/");
    assert_eq!(
        client().get(&url, 1).unwrap_err().kind(),
        ErrorKind::Refused
    );
    let offline = Client::new(Settings {
        offline: true,
        ..quick()
    })
    .unwrap();
    let error = offline.get(&url, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Offline);
    assert!(error.help().is_some());
}

#[test]
fn plain_http_goes_to_the_proxy_as_whole_addresses_over_one_connection() {
    let proxy = Server::start(|_| Answer {
        stay: true,
        ..Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nfrom the proxy")
    });
    let proxies = Proxies {
        http: Some(format!("http://me:p%40ss@127.0.0.1:{}", proxy.port)),
        ..Proxies::default()
    };
    let client = Client::new(Settings { proxies, ..quick() }).unwrap();
    for _ in 0..2 {
        let response = client.get("http://mirror.example:8080/x?y", 100).unwrap();
        assert_eq!(response.body, b"from the proxy");
    }
    for asked in proxy.asked() {
        assert_eq!(asked.line, "GET http://mirror.example:8080/x?y HTTP/1.1");
        assert_eq!(asked.header("host"), Some("mirror.example:8080"));
        assert_eq!(
            asked.header("proxy-authorization"),
            Some("Basic bWU6cEBzcw==")
        );
    }
}

#[test]
fn https_goes_through_a_tunnel_and_hosts_in_no_proxy_do_not() {
    let proxy = Server::start(|_| Answer::new("407 Who", "", ""));
    let direct = Server::start(|_| Answer::ok("direct"));
    let proxies = Proxies {
        http: Some(format!("127.0.0.1:{}", proxy.port)),
        https: Some(format!("http://127.0.0.1:{}", proxy.port)),
        except: "10.0.0.0/8".to_owned(),
    };
    let client = Client::new(Settings { proxies, ..quick() }).unwrap();
    let error = client.get("https://mirror.example/", 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert_eq!(proxy.asked()[0].line, "CONNECT mirror.example:443 HTTP/1.1");
    assert_eq!(client.get(&direct.url("/"), 100).unwrap().body, b"direct");
}

#[test]
fn only_authorities_of_the_given_bundle_are_trusted() {
    let server = Server::start_tls(|asked| match asked.path() {
        "/down" => Answer::new("302 Found", "Location: http://localhost/\r\n", ""),
        _ => Answer::ok("secure"),
    });
    let url = format!("https://localhost:{}", server.port);
    let roots = include_bytes!("tls/ca.pem").to_vec();
    let trusting = Client::new(Settings {
        roots: roots.clone(),
        ..quick()
    })
    .unwrap();
    assert_eq!(trusting.get(&url, 100).unwrap().body, b"secure");
    let error = trusting.get(&format!("{url}/down"), 100).unwrap_err();
    assert!(
        error.to_string().contains("redirects to the unprotected"),
        "{error}"
    );

    // A bundle without that authority; the server's own certificate in it does not help.
    let other = include_bytes!("tls/server.pem").to_vec();
    let error = Client::new(Settings {
        roots: other,
        ..quick()
    })
    .unwrap()
    .get(&url, 100);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    assert!(error.help().unwrap().contains("SSL_CERT_FILE"));

    // The right authority, another name.
    let address = format!("https://127.0.0.1:{}", server.port);
    assert_eq!(
        trusting.get(&address, 100).unwrap_err().kind(),
        ErrorKind::Tls
    );
}

#[test]
fn a_bundle_without_certificates_is_an_error_not_an_empty_trust() {
    let settings = Settings {
        roots: b"no certificates here".to_vec(),
        ..quick()
    };
    assert_eq!(Client::new(settings).unwrap_err().kind(), ErrorKind::Tls);
}
