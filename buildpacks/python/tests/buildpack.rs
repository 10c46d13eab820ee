//! The buildpack as a lifecycle calls it, with scripts in Python's place.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use toolkit::{Call, Environment, Log};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct World {
    top: tempfile::TempDir,
    env: Environment,
}

impl World {
    /// A source with these files, and Python 3.13.5.
    fn new(files: &[(&str, &str)]) -> World {
        let mut world = World {
            top: tempfile::tempdir().unwrap(),
            env: Environment::default(),
        };
        for folder in ["app", "layers", "platform", "buildpack/bin", "bin"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        fs::write(world.path("buildpack/buildpack.toml"), python::DESCRIPTOR).unwrap();
        for (name, text) in files {
            fs::write(world.path("app").join(name), text).unwrap();
        }
        let python = world.path("bin/python3");
        fs::write(&python, "#!/bin/sh\necho 3.13.5\n").unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        harness::ready(&python);
        let path = world.path("bin");
        world.env.set("PATH", path);
        world
    }

    fn path(&self, below: &str) -> PathBuf {
        self.top.path().join(below)
    }

    fn call(&self, program: &str, args: &[&str]) -> (u8, String) {
        let page = Page::default();
        let program = self.path("buildpack/bin").join(program);
        let args = args.iter().map(|name| self.path(name));
        let call = Call {
            args: std::iter::once(program)
                .chain(args)
                .map(Into::into)
                .collect(),
            env: self.env.clone(),
            dir: self.path("app"),
            now: SystemTime::UNIX_EPOCH,
        };
        let code = toolkit::run(
            &[&python::buildpack()],
            &call,
            &Log::new(Box::new(page.clone())),
        );
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        (code, text)
    }

    fn build(&self) -> (u8, String) {
        self.call("build", &["layers", "platform", "plan"])
    }

    fn offer(&self) -> toml::Table {
        assert_eq!(self.call("detect", &["platform", "plan"]).0, 0);
        fs::read_to_string(self.path("plan"))
            .unwrap()
            .parse()
            .unwrap()
    }
}

#[test]
fn a_source_that_looks_like_python_wants_it_itself() {
    let offer = World::new(&[("server.py", "")]).offer();
    assert_eq!(offer["provides"][0]["name"].as_str(), Some("python"));
    assert_eq!(offer["requires"][0]["name"].as_str(), Some("python"));
    let offer = World::new(&[("index.html", "")]).offer();
    assert_eq!(offer["provides"][0]["name"].as_str(), Some("python"));
    assert!(offer.get("requires").is_none());
}

#[test]
fn others_may_ask_for_it_by_the_name_that_paketo_uses() {
    let offer = World::new(&[]).offer();
    let names: Vec<Vec<&str>> = offer["or"]
        .as_array()
        .unwrap()
        .iter()
        .map(|or| {
            or["provides"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["name"].as_str().unwrap())
                .collect()
        })
        .collect();
    assert_eq!(names, [vec!["python", "cpython"], vec!["cpython"]]);
}

#[test]
fn the_first_place_that_says_something_decides_and_is_told() {
    let files = [
        (".python-version", "# a comment\n\n3.13\n"),
        ("runtime.txt", "python-3.10.2\n"),
        ("pyproject.toml", "[project]\nrequires-python = '>=3.9'\n"),
    ];
    let (code, log) = World::new(&files).build();
    assert_eq!(code, 0, "{log}");
    assert!(
        log.contains("Python 3.13.5") && log.contains(".python-version:3 asks for 3.13"),
        "{log}"
    );
    let (_, log) = World::new(&files[2..]).build();
    assert!(
        log.contains("pyproject.toml: project.requires-python asks for >=3.9"),
        "{log}"
    );
    let (_, log) = World::new(&[]).build();
    assert!(log.contains("nothing asks for another"), "{log}");
}

#[test]
fn another_version_is_an_error_that_names_file_wanted_and_available() {
    for (file, text, place) in [
        (".python-version", "# pinned\n3.14\n", ".python-version:2"),
        ("runtime.txt", "python-3.10.2\n", "runtime.txt:1"),
        (
            ".tool-versions",
            "nodejs 20\npython 3.12.4\n",
            ".tool-versions:2",
        ),
        (
            "mise.toml",
            "[tools]\npython = '3.11'\n",
            "mise.toml: tools.python",
        ),
        (
            "Pipfile",
            "[requires]\npython_version = '3.9'\n",
            "Pipfile: requires.python_version",
        ),
        (
            "pyproject.toml",
            "[project]\nrequires-python = '<3.13'\n",
            "pyproject.toml: project.requires-python",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\npython = '~3.11'\n",
            "pyproject.toml: tool.poetry.dependencies.python",
        ),
    ] {
        let mut world = World::new(&[(file, text)]);
        let (code, log) = world.build();
        assert_eq!(code, 1);
        assert!(log.contains("error[SLP-PYT-001]"), "{log}");
        assert!(
            log.contains("the base image has 3.13.5") && log.contains(place),
            "{file}\n{log}"
        );
        assert!(log.contains("--env BP_PYTHON_VERSION=3.13"), "{log}");
        world.env.set("BP_PYTHON_VERSION", "3.13");
        assert_eq!(world.build().0, 0, "{file}");
    }
}

#[test]
fn a_version_that_is_none_is_an_error_too() {
    let (_, log) = World::new(&[(".python-version", "pypy3.10-7.3.12\n")]).build();
    assert!(log.contains("error[SLP-PYT-002]"), "{log}");
}

#[test]
fn patches_come_with_the_base_image() {
    let (code, log) = World::new(&[("runtime.txt", "python-3.13.1\n")]).build();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("patches come with the base image"), "{log}");
}

#[test]
fn processes_get_defaults_for_containers() {
    let world = World::new(&[]);
    world.build();
    for name in ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "LANG"] {
        assert!(
            world
                .path(&format!("layers/env/env.launch/{name}.default"))
                .is_file()
        );
    }
}

#[test]
fn a_build_image_without_python_is_said() {
    let mut world = World::new(&[]);
    world.env.set("PATH", "/nonexistent");
    assert!(world.build().1.contains("error[SLP-PYT-003]"));
}
