//! True installations from PyPI, with the Python of this machine.

use std::process::Command;

use crate::world::{World, python};

fn real(files: &[(&str, &str)]) -> Option<World> {
    let python = python()?;
    let mut world = World::new(files);
    world.set("PATH", &format!("{}:/usr/bin:/bin", python.display()));
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
        if let Ok(value) = std::env::var(name) {
            world.set(name, &value);
        }
    }
    Some(world)
}

#[test]
fn packages_are_installed_compiled_and_reused() {
    let requirements = "flask==3.1.0 ; python_version > '3.0'\nrequests[socks]==2.32.3\n";
    let Some(world) = real(&[("requirements.txt", requirements)]) else {
        return;
    };
    let outcome = world.build();
    println!("{}", outcome.log);
    assert_eq!(outcome.code, 0, "{}", outcome.log);
    let script = "import flask, requests, socks, sys; print(sys.prefix, flask.__cached__)";
    let output = Command::new(world.layer("venv/bin/python"))
        .args(["-c", script])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.starts_with(world.layer("venv").to_str().unwrap()),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
