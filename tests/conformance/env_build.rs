//! env.jsonl, kind `build`: the environment of every `bin/detect` and `bin/build` (EV-1 to EV-5).

use std::path::Path;
use std::sync::Mutex;

use cnb::{Environment, Order, OrderElement, OrderGroup, SystemToml};
use phases::{Command, Dirs, Exit, Phase, Result as Ran, Runner, Silent, Stream, Workshop};
use serde_json::{Map, Value, json};

use crate::detect::target;
use crate::vectors::{Case, Fields, cases, report};
use crate::world::{Root, executable, texts, tree};

#[test]
fn every_build_case_of_env() {
    let mut cases: Vec<Case> = cases("env.jsonl");
    cases.retain(|case| case.input["kind"] == "build");
    report("env.jsonl (build)", &cases, check);
}

fn check(case: &Case) -> Result<(), String> {
    let mut input = Fields::of(case.input.clone());
    input.take("kind");
    let api = input.text("platform_api").parse().unwrap();
    let exec_env = match input.text("exec_env") {
        text if text.is_empty() => "production".to_owned(),
        text => text,
    };
    let target = target(input.take("run_image_target"));
    let environ = environment(&texts(&mut input, "environ"));
    let root = Root::new();
    root.write("etc/os-release", "");
    root.write("workspace/file", "linked");
    for dir in ["tmp", "layers"] {
        root.dir(dir);
    }
    for (folder, variables) in [
        ("platform", "platform_env"),
        ("cnb/build-config", "build_config_env"),
    ] {
        for (name, content) in input.object(variables) {
            root.write(&format!("{folder}/env/{name}"), content.as_str().unwrap());
        }
    }
    let mut builds = Map::new();
    let mut group = Vec::new();
    for buildpack in input.list("buildpacks") {
        let mut buildpack = Fields::of(buildpack);
        let (id, api, clear_env) = (
            buildpack.text("id"),
            buildpack.text("api"),
            buildpack.flag("clear_env"),
        );
        let folder = format!("cnb/buildpacks/{}/1", id.replace('/', "_"));
        let toml = format!(
            "api = \"{api}\"\n[buildpack]\nid = \"{id}\"\nversion = \"1\"\nclear-env = {clear_env}\n"
        );
        root.write(&format!("{folder}/buildpack.toml"), &toml);
        for program in ["detect", "build"] {
            executable(
                &root.write(&format!("{folder}/bin/{program}"), "#!/bin/sh\n"),
                true,
            );
        }
        builds.insert(
            id.clone(),
            json!({"tree": buildpack.take("tree"), "links": buildpack.take("links")}),
        );
        group.push(OrderElement {
            id: id.parse().unwrap(),
            version: "1".into(),
            ..OrderElement::default()
        });
        buildpack.end();
    }
    input.end();

    let dirs = Dirs::below(root.path());
    let fake = Fake {
        root: &root,
        builds,
        seen: Mutex::new([Map::new(), Map::new()]),
    };
    let workshop = Workshop {
        dirs: &dirs,
        api,
        environ: &environ,
        exec_env: &exec_env,
        target: &target,
        scratch: Path::new("/tmp"),
        runner: &fake,
        events: &Silent,
    };
    let order = Order {
        groups: vec![OrderGroup { group }],
        extensions: Vec::new(),
    };
    let detected = phases::detect(&workshop, &order, &SystemToml::default())
        .map_err(|error| format!("detect: {error:?}"))?;
    let built = phases::build(&workshop, &detected.group, &detected.plan);
    let [detect, build] = fake.seen.into_inner().unwrap();
    let mut got = json!({"detect": detect, "build": build});
    if built.is_err() {
        got["error"] = "build".into();
    }
    if got == case.expect {
        return Ok(());
    }
    Err(format!(
        "expected {}\n  got {got} {:?}",
        case.expect,
        built.err()
    ))
}

pub(crate) fn environment(variables: &[String]) -> Environment {
    let pair = |variable: &String| {
        variable
            .split_once('=')
            .map(|(name, value)| (name.into(), value.into()))
    };
    Environment::new(variables.iter().filter_map(pair))
}

/// Notes what it is given and leaves what the case says.
struct Fake<'a> {
    root: &'a Root,
    builds: Map<String, Value>,
    seen: Mutex<[Map<String, Value>; 2]>,
}

impl Runner for Fake<'_> {
    fn run(&self, command: &Command, _: &(dyn Fn(Stream, &[u8]) + Sync)) -> Ran<Exit> {
        let value = |name: &str, value: &str| match name {
            "CNB_BUILD_PLAN_PATH" | "CNB_BP_PLAN_PATH" => "<plan>".into(),
            _ => Value::from(value),
        };
        let pair = |(name, content): &(std::ffi::OsString, std::ffi::OsString)| {
            let (name, content) = (name.to_str().unwrap(), content.to_str().unwrap());
            (name.to_owned(), value(name, content))
        };
        let env: Map<String, Value> = command.env.iter().map(pair).collect();
        assert_eq!(command.dir, Path::new("/workspace"));
        let id = command.element.id.clone();
        let build = command.phase == Phase::Build;
        if build {
            let left = &self.builds[&id];
            tree(
                self.root,
                &format!("layers/{}", command.element.folder),
                left,
            );
        }
        self.seen.lock().unwrap()[usize::from(build)].insert(id, env.into());
        Ok(Exit::Code(0))
    }
}
