//! A build of this buildpack as a lifecycle would call it, with folders of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tempfile::TempDir;
use toolkit::{Call, Environment, Log};

/// An application, its layers and the text of the log.
pub(crate) struct World {
    top: TempDir,
    pub(crate) env: Environment,
    page: Page,
}

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

/// How a program of the buildpack ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) log: String,
}

impl World {
    pub(crate) fn new(files: &[(&str, &str)]) -> World {
        let world = World {
            top: tempfile::tempdir().unwrap(),
            env: Environment::default(),
            page: Page::default(),
        };
        for folder in ["app", "layers", "platform", "bin", "buildpack/bin"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        fs::write(world.path("buildpack/buildpack.toml"), pip::DESCRIPTOR).unwrap();
        for (name, text) in files {
            world.write(&format!("app/{name}"), text);
        }
        world
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.top.path().join(below)
    }

    pub(crate) fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.set(name, value);
    }

    pub(crate) fn layer(&self, below: &str) -> PathBuf {
        self.path("layers").join(below)
    }

    pub(crate) fn detect(&self) -> Outcome {
        self.run("detect", &["platform", "plan.toml"])
    }

    pub(crate) fn build(&self) -> Outcome {
        self.run("build", &["layers", "platform", "plan.toml"])
    }

    fn run(&self, program: &str, args: &[&str]) -> Outcome {
        let program = self.path("buildpack/bin").join(program);
        let args = args.iter().map(|name| self.path(name));
        let mut env = self.env.clone();
        if env.get("PATH").is_empty() {
            env.set("PATH", "/usr/bin:/bin");
        }
        let call = Call {
            args: std::iter::once(program)
                .chain(args)
                .map(Into::into)
                .collect(),
            env,
            dir: self.path("app"),
            now: SystemTime::UNIX_EPOCH,
        };
        self.page.0.lock().unwrap().clear();
        let code = toolkit::run(
            &[&pip::buildpack()],
            &call,
            &Log::new(Box::new(self.page.clone())),
        );
        let log = String::from_utf8(self.page.0.lock().unwrap().clone()).unwrap();
        Outcome { code, log }
    }
}

/// A Python of this machine that is new enough, by the folder its `python3` is in.
pub(crate) fn python() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).collect::<Vec<_>>();
    let found = folders
        .iter()
        .map(|folder| folder.join("python3"))
        .find(|file| file.is_file());
    let folder = found.and_then(|python| real_folder(&python));
    if folder.is_none() {
        harness::skip("no Python 3.11 or newer on this machine");
    }
    folder
}

/// Shims stand in the way of where the interpreter really is.
fn real_folder(python: &Path) -> Option<PathBuf> {
    let script = "import os, sys; print(os.path.dirname(os.path.realpath(sys.executable)) if sys.version_info >= (3, 11) else '')";
    let output = Command::new(python).args(["-c", script]).output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!folder.is_empty()).then(|| PathBuf::from(folder))
}
