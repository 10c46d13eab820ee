//! env.jsonl, kind `launch`: what processes and programs in `exec.d` see (EV-6 to EV-8, LA-5, LA-8).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use cnb::{Environment, LaunchBuildpack};
use launcher::{Layers, environment, exec_d};
use serde::Deserialize;
use serde_json::Value;

use crate::vectors::{Case, Verdict, cases, report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[expect(dead_code, reason = "only launch is read with this type")]
    kind: String,
    #[expect(dead_code, reason = "the environment does not depend on it")]
    platform_api: String,
    environ: Vec<String>,
    buildpacks: Vec<Buildpack>,
    #[serde(default)]
    process_type: String,
    #[serde(default)]
    exec_d: BTreeMap<String, Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Buildpack {
    id: String,
    api: String,
    #[serde(default)]
    #[expect(dead_code, reason = "counts at build time only")]
    clear_env: bool,
    #[serde(default)]
    tree: BTreeMap<String, String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    #[serde(default)]
    out: String,
    #[serde(default)]
    exit: i32,
}

type Vars = BTreeMap<String, String>;

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    launch: Vars,
    exec_d_seen: BTreeMap<String, Vars>,
    error: Option<String>,
}

#[test]
fn processes_see_the_environment_the_go_launcher_gives_them() {
    let all: Vec<Case<Value, Value>> = cases("env.jsonl");
    let launch: Vec<_> = all
        .into_iter()
        .filter(|case| case.input["kind"] == "launch")
        .collect();
    assert!(launch.len() > 100, "env.jsonl has lost its launch cases");
    report("env.jsonl (launch)", &launch, |case| {
        let input = serde_json::from_value(case.input.clone()).unwrap();
        let expect: Expect = serde_json::from_value(case.expect.clone()).unwrap();
        Verdict::of(&World::new().launch(&input), &expect)
    });
}

/// A folder that stands for `/`.
struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        fs::create_dir(world.at("/workspace")).unwrap();
        fs::write(world.at("/workspace/file"), "linked").unwrap();
        fs::create_dir(world.at("/seen")).unwrap();
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    fn launch(&self, input: &Input) -> Expect {
        let buildpacks: Vec<LaunchBuildpack> = input
            .buildpacks
            .iter()
            .map(|buildpack| self.install(buildpack))
            .collect();
        for (index, (path, program)) in input.exec_d.iter().enumerate() {
            self.install_program(index, path, program);
        }
        let error = |class: &str| Expect {
            error: Some(class.to_owned()),
            ..Expect::default()
        };
        let dir = self.at("/layers");
        let Ok(layers) = Layers::list(&dir, &buildpacks) else {
            return error("env");
        };
        let own = input
            .environ
            .iter()
            .filter_map(|variable| variable.split_once('='));
        let own = Environment::for_launch(
            own.map(|(name, value)| (OsString::from(name), OsString::from(value))),
        );
        let mut expect = match environment::for_process(own, &layers, &input.process_type) {
            Err(_) => error("env"),
            Ok(env) => match exec_d::run(env, &layers, &input.process_type) {
                Err(_) => error("exec-d"),
                Ok(env) => Expect {
                    launch: self.vars(env),
                    ..Expect::default()
                },
            },
        };
        for (index, path) in input.exec_d.keys().enumerate() {
            if let Ok(environ) = fs::read(self.at(&format!("/seen/{index}"))) {
                expect
                    .exec_d_seen
                    .insert(path.clone(), self.vars_of(&environ));
            }
        }
        expect
    }

    fn install(&self, buildpack: &Buildpack) -> LaunchBuildpack {
        let dir = self.at("/layers").join(buildpack.id.replace('/', "_"));
        fs::create_dir_all(&dir).unwrap();
        for (path, content) in &buildpack.tree {
            if path.ends_with('/') {
                fs::create_dir_all(dir.join(path)).unwrap();
            } else {
                write(&dir.join(path), content);
            }
        }
        for (path, target) in &buildpack.links {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let target = if target.starts_with('/') {
                self.at(target)
            } else {
                PathBuf::from(target)
            };
            symlink(target, path).unwrap();
        }
        LaunchBuildpack {
            id: buildpack.id.parse().unwrap(),
            api: buildpack.api.clone(),
        }
    }

    /// A shell script: it is the kernel that remembers what the script was started with.
    fn install_program(&self, index: usize, path: &str, program: &Program) {
        let (out, seen) = (
            self.at(&format!("/seen/{index}.out")),
            self.at(&format!("/seen/{index}")),
        );
        fs::write(&out, &program.out).unwrap();
        let (out, seen, exit) = (out.display(), seen.display(), program.exit);
        let path = self.at("/layers").join(path);
        write(
            &path,
            &format!(
                "#!/bin/sh\n/bin/cat /proc/$$/environ >'{seen}'\n/bin/cat '{out}' >&3\nexit {exit}\n"
            ),
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        harness::ready(&path);
    }

    fn vars(&self, env: Environment) -> Vars {
        env.into_iter()
            .map(|(name, value)| (text(&name), self.without_root(&text(&value))))
            .collect()
    }

    fn vars_of(&self, environ: &[u8]) -> Vars {
        let environ = std::str::from_utf8(environ).unwrap();
        let vars = environ
            .split_terminator('\0')
            .filter_map(|variable| variable.split_once('='));
        vars.map(|(name, value)| (name.to_owned(), self.without_root(value)))
            .collect()
    }

    fn without_root(&self, text: &str) -> String {
        text.replace(self.0.path().to_str().unwrap(), "")
    }
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn text(text: &OsStr) -> String {
    text.to_str().unwrap().to_owned()
}
