//! The buildpack as a lifecycle calls it, and what becomes of the processes it declares.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    fn new(procfile: Option<&str>) -> World {
        let world = World {
            top: tempfile::tempdir().unwrap(),
            env: Environment::default(),
        };
        for folder in ["app", "layers", "platform", "buildpack/bin"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        world.write("buildpack/buildpack.toml", procfile::DESCRIPTOR);
        if let Some(text) = procfile {
            world.write("app/Procfile", text);
        }
        world
    }

    fn path(&self, below: &str) -> PathBuf {
        self.top.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
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
            &[&procfile::buildpack()],
            &call,
            &Log::new(Box::new(page.clone())),
        );
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        (code, text)
    }

    fn detect(&self) -> (u8, String) {
        self.call("detect", &["platform", "plan"])
    }

    fn build(&self) -> (u8, String) {
        self.call("build", &["layers", "platform", "plan"])
    }

    /// Type, command and whether it is the default, in the order of launch.toml.
    fn processes(&self) -> Vec<(String, Vec<String>, bool)> {
        let (code, log) = self.build();
        assert_eq!(code, 0, "{log}");
        let text = fs::read_to_string(self.path("layers/launch.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let found = table["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|process| {
                let words = process["command"].as_array().unwrap().iter();
                let default = process
                    .get("default")
                    .is_some_and(|value| value.as_bool().unwrap());
                assert!(
                    process.get("direct").is_none(),
                    "no key of Buildpack API 0.10: {text}"
                );
                (
                    process["type"].as_str().unwrap().to_owned(),
                    words
                        .map(|word| word.as_str().unwrap().to_owned())
                        .collect(),
                    default,
                )
            });
        found.collect()
    }
}

#[test]
fn detect_passes_where_something_declares_a_process() {
    assert_eq!(World::new(Some("web: a\n")).detect().0, 0);
    let (code, text) = World::new(None).detect();
    assert_eq!(code, 100);
    assert_eq!(
        text,
        "Procfile not found\nhelp: add a Procfile with a line such as: web: gunicorn app:app\n"
    );
    let world = World::new(None);
    world.write("app/procfile", "web: a\n");
    assert!(
        world
            .detect()
            .1
            .contains("found procfile; did you mean Procfile?")
    );
    let mut world = World::new(None);
    world
        .env
        .set("BP_PROCFILE_DEFAULT_PROCESS", "python app.py");
    assert_eq!(world.detect().0, 0);
}

#[test]
fn web_is_the_default_and_so_is_the_only_process() {
    let world = World::new(Some(
        "worker: python worker.py\nweb: gunicorn app:app --bind :$PORT\n",
    ));
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        world.processes(),
        [
            ("worker".to_owned(), words(&["python", "worker.py"]), false),
            (
                "web".to_owned(),
                words(&["bash", "-c", "exec gunicorn app:app --bind :$PORT"]),
                true
            ),
        ]
    );
    assert_eq!(
        fs::read_to_string(world.path("layers/port/env.launch/web/PORT.default")).unwrap(),
        "8080"
    );
    let alone = World::new(Some("job: python job.py\n"));
    assert!(alone.processes()[0].2);
    assert!(!alone.path("layers/port").exists());
}

#[test]
fn a_binding_wins_over_the_file_and_the_file_over_the_variable() {
    let mut world = World::new(Some("web: file\nworker: file\n"));
    world.write("platform/bindings/mine/type", "Procfile\n");
    world.write("platform/bindings/mine/Procfile", "web: binding\n");
    world.write("platform/bindings/other/type", "netrc");
    world.env.set("BP_PROCFILE_DEFAULT_PROCESS", "variable");
    let commands: Vec<_> = world
        .processes()
        .into_iter()
        .map(|(name, command, _)| format!("{name} {}", command[0]))
        .collect();
    assert_eq!(commands, ["web binding", "worker file"]);
}

#[test]
fn a_bad_line_ends_the_build_with_its_number() {
    let (code, log) = World::new(Some("web: a\nnonsense\n")).build();
    assert_eq!(code, 1);
    assert!(
        log.contains("error[SLP-SRC-101]: Procfile has no `name: command` in line 2"),
        "{log}"
    );
    let (_, log) = World::new(Some("# nothing\n")).build();
    assert!(log.contains("SLP-SRC-103"), "{log}");
}

#[test]
fn the_program_itself_gets_sigterm_however_its_line_is_written() {
    for line in [
        "python-like 5",
        "python-like $N",
        "true && python-like $N",
        "true; true && python-like $N",
        "python-like $N > /dev/stderr",
        "cd / ; python-like $N",
    ] {
        let world = World::new(Some(&format!("web: {line}\n")));
        let (_, command, _) = world.processes().remove(0);
        // Says that it runs, then waits; as `sleep`, it dies of SIGTERM.
        world.write(
            "bin/python-like",
            "#!/bin/sh\necho $$\necho $$ >&2\nexec sleep 60\n",
        );
        let program = world.path("bin/python-like");
        fs::set_permissions(
            &program,
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        harness::ready(&program);
        assert!(terminated_as_itself(&command, &world.path("bin")), "{line}");
    }
}

/// Is the process that is started the one that the program reports to be, and does SIGTERM end it?
fn terminated_as_itself(command: &[String], bin: &Path) -> bool {
    let mut child = Command::new(which(&command[0], bin))
        .args(&command[1..])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("N", "5")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // Kept open to the end: a closed pipe is a signal of its own.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let same = line.trim() == child.id().to_string();
    harness::run(Command::new("sh").args(["-c", &format!("kill {}", child.id())])).success();
    let status = child.wait().unwrap();
    drop(said);
    same && status.signal() == Some(15)
}

fn which(program: &str, bin: &Path) -> PathBuf {
    let path = format!("{}:/usr/bin:/bin", bin.display());
    toolkit::find_program(program, path.as_ref()).unwrap()
}
