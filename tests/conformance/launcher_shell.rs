//! launcher-shell.jsonl: whole runs of the launcher with bash (LA-2, LA-5 to LA-9), in a root that holds nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

use crate::vectors::{Case, Verdict, cases, report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    platform_api: String,
    #[serde(default)]
    env: Vec<String>,
    argv: Vec<String>,
    metadata_toml: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    dirs: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    exit: i32,
    stdout: String,
    launcher_error: Option<String>,
}

const SHOW: &str = r#"#!/bin/bash
printf '%s' "$#"
for a in "$@"; do printf ' <%s>' "$a"; done
printf ' FOO=%s BAR=%s PWD=%s\n' "$FOO" "$BAR" "$PWD"
"#;

/// Our launcher, built by the build script of the command line.
const LAUNCHER: &str = env!("SLIPWAY_LAUNCHER");
const LAUNCHER_IN_ROOT: &str = "/cnb/lifecycle/launcher";
const BASH: &str = "/bin/bash";

#[test]
fn processes_behind_a_shell_see_what_the_go_launcher_shows_them() {
    let Some(machine) = Machine::look() else {
        return;
    };
    report(
        "launcher-shell.jsonl",
        &cases("launcher-shell.jsonl"),
        |case: &Case<Input, Expect>| {
            let output = machine.run(&case.input);
            let ours = outcome(&output, case.expect.launcher_error.is_some());
            Verdict::of(&ours, &case.expect)
        },
    );
}

#[test]
fn la_7_an_image_without_bash_says_so() {
    let Some(machine) = Machine::look() else {
        return;
    };
    let input = Input {
        platform_api: "0.12".to_owned(),
        env: Vec::new(),
        argv: vec![LAUNCHER_IN_ROOT.to_owned(), "show".to_owned()],
        metadata_toml: String::new(),
        files: BTreeMap::new(),
        dirs: Vec::new(),
    };
    let output = Machine {
        names: Vec::new(),
        ..machine
    }
    .run(&input);
    let text = "ERROR: failed to launch: bash exec: /bin/bash: no such file or directory\n";
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap().as_str()
        ),
        (Some(82), text)
    );
}

fn outcome(output: &Output, failed: bool) -> Expect {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    let exit = output
        .status
        .code()
        .unwrap_or_else(|| 128 + output.status.signal().unwrap());
    if !failed {
        return Expect {
            exit,
            stdout,
            launcher_error: None,
        };
    }
    // What the failed launcher says is its own; it must be about the step that failed.
    let class = [
        (
            "determine start command: when there is no default process",
            "no-command",
        ),
        ("path lookup: ", "path-lookup"),
        ("change directory: ", "chdir"),
        ("exec.d: ", "exec-d"),
        ("direct exec: ", "direct-exec"),
    ];
    let class = class
        .into_iter()
        .find(|(text, _)| stdout.contains(&format!("ERROR: failed to launch: {text}")));
    let launcher_error = Some(class.map_or_else(|| stdout.clone(), |(_, class)| class.to_owned()));
    Expect {
        exit,
        stdout: String::new(),
        launcher_error,
    }
}

/// What of this machine goes into the root, and how one gets in there.
struct Machine {
    /// Bash, the libraries it needs and our launcher, by the names a root knows them by; ready to be started.
    programs: Root,
    names: Vec<PathBuf>,
    chroot: Vec<PathBuf>,
}

impl Machine {
    fn look() -> Option<Machine> {
        let ldd = harness::program("ldd")?;
        let unshare = harness::program("unshare")?;
        let chroot = harness::program("chroot")?;
        // Root needs no user namespace to change its root; others do, and not every kernel lets them.
        let chroot = if harness::is_root() {
            vec![chroot]
        } else {
            vec![unshare, "-r".into(), chroot]
        };
        let mut attempt = Command::new(&chroot[0]);
        let attempt = harness::run(attempt.args(&chroot[1..]).args(["/", "/bin/true"]));
        if attempt.code != Some(0) {
            harness::skip(&format!(
                "no other root directory can be entered: {}",
                attempt.stderr.trim()
            ));
            return None;
        }
        let libraries = harness::run(Command::new(ldd).arg(BASH)).stdout;
        let libraries = libraries.split_whitespace();
        let libraries = libraries.filter(|word| word.starts_with('/'));
        let names = [BASH].into_iter().chain(libraries);
        let names: Vec<PathBuf> = names.map(PathBuf::from).collect();
        let programs = Root(tempfile::tempdir().unwrap());
        for name in &names {
            programs.copy(name, name);
        }
        programs.copy(Path::new(LAUNCHER), Path::new(LAUNCHER_IN_ROOT));
        Some(Machine {
            programs,
            names,
            chroot,
        })
    }

    fn run(&self, input: &Input) -> Output {
        let root = Root(tempfile::tempdir().unwrap());
        for name in self.names.iter().map(PathBuf::as_path) {
            root.same(&self.programs, name);
        }
        root.same(&self.programs, Path::new(LAUNCHER_IN_ROOT));
        root.link("/cnb/process/web", LAUNCHER_IN_ROOT);
        root.write("/dev/null", "");
        root.dir("/workspace/sub");
        root.write("/layers/bp/l/bin/show", SHOW);
        root.write("/layers/config/metadata.toml", &input.metadata_toml);
        for dir in &input.dirs {
            root.dir(dir);
        }
        for (path, content) in &input.files {
            root.write(path, content);
        }
        let mut command = Command::new(&self.chroot[0]);
        command
            .args(&self.chroot[1..])
            .arg(root.0.path())
            .args(&input.argv);
        command.env_clear().envs([
            ("PATH", "/cnb/process:/cnb/lifecycle:/bin"),
            ("CNB_LAYERS_DIR", "/layers"),
            ("CNB_APP_DIR", "/workspace"),
            ("CNB_PLATFORM_API", &input.platform_api),
            ("CNB_DEPRECATION_MODE", "quiet"),
            ("CNB_NO_COLOR", "true"),
            ("HOME", "/home/x"),
            ("LC_ALL", "C"),
        ]);
        command.envs(
            input
                .env
                .iter()
                .filter_map(|variable| variable.split_once('=')),
        );
        command.output().unwrap()
    }
}

struct Root(tempfile::TempDir);

impl Root {
    fn at(&self, path: &str) -> PathBuf {
        let at = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        at
    }

    fn dir(&self, path: &str) {
        fs::create_dir_all(self.at(path)).unwrap();
    }

    fn copy(&self, from: &Path, to: &Path) {
        let to = self.at(to.to_str().unwrap());
        fs::copy(from, &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        harness::ready(&to);
    }

    /// The file of another root under its name, as a hard link.
    fn same(&self, other: &Root, name: &Path) {
        let name = name.to_str().unwrap();
        fs::hard_link(other.at(name), self.at(name)).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        symlink(target, self.at(path)).unwrap();
    }

    /// What begins with `#!` is executable.
    fn write(&self, path: &str, content: &str) {
        let at = self.at(path);
        fs::write(&at, content).unwrap();
        let mode = if content.starts_with("#!") {
            0o755
        } else {
            0o644
        };
        fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        if mode == 0o755 {
            harness::ready(&at);
        }
    }
}
