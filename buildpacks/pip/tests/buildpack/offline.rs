//! What happens when the installer cannot be had. Nothing here leaves this machine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::world::World;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

fn world() -> World {
    let mut world = World::new(&[("requirements.txt", "flask==3.1.0\n")]);
    world.set("HTTPS_PROXY", NOWHERE);
    let bin = world.path("bin");
    std::fs::write(bin.join("python3.13"), "").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("python3.13"), mode).unwrap();
    std::os::unix::fs::symlink("python3.13", bin.join("python3")).unwrap();
    world.set("PATH", bin.to_str().unwrap());
    world
}

/// An index that answers every request with `status` and `body`; its address.
fn index(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    format!("http://me:hunter2hunter2@{address}/simple")
}

#[test]
fn an_index_that_refuses_access_is_named_without_its_password() {
    let mut world = world();
    world.set("PIP_INDEX_URL", &index("401 Unauthorized", ""));
    let outcome = world.build();
    assert_eq!(outcome.code, 77, "{}", outcome.log);
    assert!(
        outcome.log.contains("error[SLP-PYT-114]"),
        "{}",
        outcome.log
    );
    assert!(
        outcome.log.contains("where: http://127.0.0.1"),
        "{}",
        outcome.log
    );
    assert!(!outcome.log.contains("hunter2"), "{}", outcome.log);
}

#[test]
fn an_installer_that_is_not_the_one_we_know_is_not_started() {
    let name = if cfg!(target_arch = "x86_64") {
        r#"<a href="/files/uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl">uv</a>"#
    } else {
        r#"<a href="/files/uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl">uv</a>"#
    };
    let mut world = world();
    world.set("PIP_INDEX_URL", &index("200 OK", name));
    let outcome = world.build();
    assert_eq!(outcome.code, 1, "{}", outcome.log);
    assert!(
        outcome.log.contains("error[SLP-PYT-114]"),
        "{}",
        outcome.log
    );
    assert!(!world.layer("uv.toml").exists() && !world.layer("venv.toml").exists());
}
