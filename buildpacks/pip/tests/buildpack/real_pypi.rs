//! True installations from PyPI, with the Python of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::world::{Outcome, World, python};

/// uv is fetched once for all tests.
static INSTALLER: OnceLock<Option<World>> = OnceLock::new();

/// A world that reaches PyPI as the caller does, without an installer.
fn bare(files: &[(&str, &str)]) -> Option<World> {
    let python = python()?;
    let mut world = World::new(files);
    world.set("PATH", &format!("{}:/usr/bin:/bin", python.display()));
    for name in [
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "PIP_INDEX_URL",
    ] {
        if let Ok(value) = std::env::var(name) {
            world.set(name, &value);
        }
    }
    Some(world)
}

/// A world with the installer in its cache layer.
fn real(files: &[(&str, &str)]) -> Option<World> {
    let installer = INSTALLER.get_or_init(|| {
        let world = bare(&[("requirements.txt", "itsdangerous==2.2.0\n")])?;
        assert_good(&world.build());
        Some(world)
    });
    let installer = installer.as_ref()?;
    let world = bare(files)?;
    fs::create_dir(world.layer("uv")).unwrap();
    for name in ["uv/uv", "uv.toml"] {
        fs::copy(installer.layer(name), world.layer(name)).unwrap();
    }
    Some(world)
}

fn assert_good(outcome: &Outcome) {
    assert_eq!(outcome.code, 0, "{}", outcome.log);
}

/// What a program of the venv says.
fn said(world: &World, script: &str) -> String {
    let python = world.layer("venv/bin/python");
    let outcome = harness::run(Command::new(python).args(["-c", script]).env_clear());
    outcome.success().stdout.trim().to_owned()
}

/// Everything in a folder that an image would show: kind, mode, contents.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = path.symlink_metadata().unwrap();
        let mode = meta.permissions().mode();
        let content = if meta.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            String::new()
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else {
            toolkit::sha256(&fs::read(&path).unwrap())
        };
        let name = path.strip_prefix(folder).unwrap().display().to_string();
        found.insert(name, format!("{mode:o} {content}"));
    }
    found
}

#[test]
fn packages_with_extras_markers_and_constraints_are_installed_compiled_and_reused() {
    let Some(world) = real(&[
        (
            "requirements.txt",
            "-c constraints.txt\nflask==3.1.0 ; python_version > '3.0'\nrequests[socks]==2.32.3\nsix ; sys_platform == 'win32'\n",
        ),
        ("constraints.txt", "click==8.1.8\n"),
    ]) else {
        return;
    };
    let outcome = world.build();
    assert_good(&outcome);
    let script = "import flask, socks, click, importlib.metadata as m, sys; print(sys.prefix, m.version('click'), flask.__cached__)";
    let text = said(&world, script);
    let words: Vec<_> = text.split(' ').collect();
    assert_eq!(words[0], world.layer("venv").to_str().unwrap());
    assert_eq!(words[1], "8.1.8");
    // Flags of hash-based bytecode that is not checked, PEP 552.
    assert_eq!(fs::read(words[2]).unwrap()[4..8], [1, 0, 0, 0]);
    assert!(Path::new(words[2]).starts_with(world.layer("venv")));
    let names = contents(&world.layer("venv"));
    let has = |part: &str| names.keys().any(|name| name.contains(part));
    assert!(
        !has("pip") && !has("six-") && !has("INSTALLER") && !has("direct_url"),
        "{:?}",
        names.keys()
    );

    // The same again without a folder and without an installer: nothing is needed.
    for name in ["venv", "uv", "uv-cache"] {
        fs::remove_dir_all(world.layer(name)).unwrap();
    }
    let outcome = world.build();
    assert_good(&outcome);
    assert!(outcome.log.contains("Reusing"), "{}", outcome.log);
    assert!(!world.layer("venv").exists());
}

#[test]
fn two_builds_make_equal_layers() {
    let Some(mut world) = real(&[
        ("requirements.txt", "-e .\nflask==3.1.0\ndocopt==0.6.2\n"),
        (
            "setup.py",
            "from setuptools import setup\nsetup(name='shop', version='1', py_modules=['shop'])\n",
        ),
        ("shop.py", "x = 1\n"),
    ]) else {
        return;
    };
    world.set("TZ", "Asia/Kathmandu");
    world.set("LANG", "C");
    assert_good(&world.build());
    let first = contents(&world.layer("venv"));
    let key = fs::read_to_string(world.layer("venv.toml")).unwrap();
    assert_eq!(
        said(&world, "import shop, docopt; print(shop.__file__)"),
        world.path("app/shop.py").to_str().unwrap()
    );
    assert!(!world.path("app/shop.egg-info").exists());

    // Nothing is left of the first one; everything is fetched and built again.
    for name in ["venv", "uv-cache"] {
        fs::remove_dir_all(world.layer(name)).unwrap();
        fs::remove_file(world.layer(&format!("{name}.toml"))).unwrap();
    }
    world.set("TZ", "America/Caracas");
    world.set("LANG", "de_DE.UTF-8");
    assert_good(&world.build());
    let second = contents(&world.layer("venv"));
    let different: Vec<_> = first
        .keys()
        .chain(second.keys())
        .filter(|name| first.get(*name) != second.get(*name))
        .collect();
    assert_eq!(different, Vec::<&String>::new());
    assert_eq!(fs::read_to_string(world.layer("venv.toml")).unwrap(), key);
}

#[test]
fn failures_of_the_real_index_are_explained() {
    let none = "0".repeat(64);
    let wrong_hash = format!("itsdangerous==2.2.0 --hash=sha256:{none}\n");
    for (requirements, code, words) in [
        (
            "flask==3.1.0\nslipway-no-such-package==1\n",
            "SLP-PYT-102",
            "requirements.txt:2  slipway-no-such-package==1",
        ),
        (
            "flask==99.0\n",
            "SLP-PYT-103",
            "requirements.txt:1  flask==99.0",
        ),
        (
            "flask==3.1.0\nwerkzeug==2.0.0\n",
            "SLP-PYT-106",
            "requirements.txt:2  werkzeug==2.0.0",
        ),
        (
            wrong_hash.as_str(),
            "SLP-PYT-105",
            "requirements.txt:1  itsdangerous==2.2.0",
        ),
        (
            "wsgiref==0.1.2\nFlask==0.9\n",
            "SLP-PYT-108",
            "wsgiref is a Python 2 package",
        ),
        (
            "mysqlclient==2.1.1\n",
            "SLP-PYT-104",
            "requirements.txt:1  mysqlclient==2.1.1",
        ),
    ] {
        let Some(world) = real(&[("requirements.txt", requirements)]) else {
            return;
        };
        let outcome = world.build();
        assert_eq!(outcome.code, 1, "{requirements}{}", outcome.log);
        assert!(
            outcome.log.contains(&format!("error[{code}]")),
            "{requirements}{}",
            outcome.log
        );
        assert!(outcome.log.contains(words), "{requirements}{}", outcome.log);
        assert!(!world.layer("venv.toml").exists());
    }
}

#[test]
fn a_repository_is_named_with_its_line_where_there_is_no_git() {
    let Some(mut world) = real(&[(
        "requirements.txt",
        "# tools\nflask @ git+https://github.invalid/pallets/flask\n",
    )]) else {
        return;
    };
    let only_python = tempfile::tempdir().unwrap();
    link_pythons(&python().unwrap(), only_python.path());
    world.set("PATH", only_python.path().to_str().unwrap());
    let outcome = world.build();
    assert_eq!(outcome.code, 1, "{}", outcome.log);
    assert!(
        outcome.log.contains("error[SLP-PYT-107]"),
        "{}",
        outcome.log
    );
    assert!(
        outcome.log.contains(
            "where: requirements.txt:2  flask @ git+https://github.invalid/pallets/flask"
        ),
        "{}",
        outcome.log
    );
}

/// The interpreters of a folder, which may hold git as well, in a folder of their own.
fn link_pythons(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("python") {
            std::os::unix::fs::symlink(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
