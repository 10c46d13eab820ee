//! build.jsonl: the builder, whole runs (BU-1 to BU-10).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cnb::{Environment, Group, GroupElement, ImageTarget, Plan, PlatformApi};
use phases::{
    Command, Dirs, ErrorKind, Event, Events, Exit, Result as Ran, Runner, Stream, Workshop,
};
use serde_json::{Map, Value, json};

use crate::detect::target;
use crate::env_build::environment;
use crate::vectors::{Case, Fields, Verdict, cases, report};
use crate::world::{
    Root, executable, from_toml, is_empty, listing, normal, number, texts, toml_text, tree,
};

#[test]
fn every_case_of_build() {
    let cases: Vec<Case> = cases("build.jsonl");
    report("build.jsonl", &cases, check);
}

struct Setting {
    root: Root,
    api: PlatformApi,
    exec_env: String,
    environ: Environment,
    target: ImageTarget,
    group: Result<Group, cnb::Error>,
    plan: Result<Plan, cnb::Error>,
    builds: BTreeMap<String, Value>,
}

fn check(case: &Case) -> Verdict {
    if case.input["root"] == true {
        return Verdict::Unsupported("that root is refused is for the drop-in");
    }
    if case.input["no_group"] == true || case.input["no_plan"] == true {
        return Verdict::Unsupported(
            "reading group.toml and plan.toml from <layers> is for the drop-in",
        );
    }
    let setting = setting(case);
    let (got, error) = run(&setting);
    compare(case, &got, &error).into()
}

fn setting(case: &Case) -> Setting {
    let mut input = Fields::of(case.input.clone());
    let root = Root::new();
    root.write("etc/os-release", "");
    for dir in ["tmp", "layers", "workspace", "platform"] {
        root.dir(dir);
    }
    let api = input.text("platform_api").parse().unwrap();
    let exec_env = input.text("exec_env");
    let environ = if input.has("environ") {
        texts(&mut input, "environ")
    } else {
        vec!["PATH=/usr/bin".into()]
    };
    let mut group = Group::default();
    let mut builds = BTreeMap::new();
    for buildpack in input.list("buildpacks") {
        let (element, build) = install(&root, buildpack);
        builds.insert(element.id.to_string(), build);
        group.buildpacks.push(element);
    }
    for extension in input.list("extensions") {
        let mut fields = Fields::of(extension);
        group.extensions.push(GroupElement {
            extension: true,
            optional: true,
            ..element(&mut fields)
        });
        fields.end();
    }
    let plan = json!({"entries": input.list("plan").into_iter().map(entry).collect::<Vec<_>>()});
    let group_toml = if input.has("group_toml") {
        input.text("group_toml")
    } else {
        group.to_toml()
    };
    let plan_toml = if input.has("plan_toml") {
        input.text("plan_toml")
    } else {
        toml_text(&plan)
    };
    let target = target(input.take("run_image_target"));
    tree(&root, "layers", &json!({"tree": input.take("layers")}));
    input.end();
    Setting {
        api,
        // Below Platform API 0.15 nobody sets it for the builder; the default is the caller's.
        exec_env: if exec_env.is_empty() {
            "production".into()
        } else {
            exec_env
        },
        environ: environment(&environ),
        target,
        group: Group::parse(&group_toml, Path::new("/layers/group.toml")),
        plan: Plan::parse(&plan_toml, Path::new("/layers/plan.toml")),
        builds,
        root,
    }
}

fn element(fields: &mut Fields) -> GroupElement {
    let api = fields.text("api");
    GroupElement {
        id: fields.text("id").parse().unwrap(),
        version: "1".into(),
        api: if api.is_empty() { "0.10".into() } else { api },
        homepage: fields.text("homepage"),
        ..GroupElement::default()
    }
}

fn install(root: &Root, buildpack: Value) -> (GroupElement, Value) {
    let mut fields = Fields::of(buildpack);
    let element = GroupElement {
        optional: fields.flag("optional"),
        ..element(&mut fields)
    };
    let folder = format!("cnb/buildpacks/{}/1", element.id.folder());
    let mut about =
        json!({"id": element.id.as_str(), "version": "1", "clear-env": fields.flag("clear_env")});
    about["homepage"] = element.homepage.as_str().into();
    about["sbom-formats"] = texts(&mut fields, "sbom_formats").into();
    let build = fields.take("build");
    if !fields.flag("not_in_store") {
        root.write(
            &format!("{folder}/buildpack.toml"),
            &toml_text(&json!({"api": element.api, "buildpack": about})),
        );
        if build["missing"] != true {
            executable(
                &root.write(&format!("{folder}/bin/build"), "#!/bin/sh\n"),
                build["not_executable"] != true,
            );
        }
    }
    fields.end();
    (element, build)
}

fn entry(entry: Value) -> Value {
    let mut fields = Fields::of(entry);
    let provider = |text: &String| {
        let (id, version) = text.split_once('@').unwrap();
        json!({"id": id, "version": version})
    };
    let providers: Vec<Value> = texts(&mut fields, "providers")
        .iter()
        .map(provider)
        .collect();
    let named = |value: Value| {
        if value.is_string() {
            json!({"name": value})
        } else {
            value
        }
    };
    let requires: Vec<Value> = fields.list("requires").into_iter().map(named).collect();
    fields.end();
    json!({"providers": providers, "requires": requires})
}

/// Returns the fields of `expect`, and the error in words.
fn run(setting: &Setting) -> (Value, String) {
    let (group, plan) = match (&setting.group, &setting.plan) {
        (Ok(group), Ok(plan)) => (group, plan),
        (Err(error), _) | (_, Err(error)) => {
            return (json!({"exit": 1, "error": "inputs"}), error.to_string());
        }
    };
    let fake = Fake {
        setting,
        ran: Mutex::default(),
    };
    let warnings = Warnings::default();
    let dirs = Dirs::below(setting.root.path());
    let workshop = Workshop {
        dirs: &dirs,
        api: setting.api,
        environ: &setting.environ,
        exec_env: &setting.exec_env,
        target: &setting.target,
        scratch: Path::new("/tmp"),
        runner: &fake,
        events: &warnings,
    };
    let built = phases::build(&workshop, group, plan);
    let mut got = json!({"exit": 0, "ran": fake.ran.into_inner().unwrap(), "warnings": warnings.0.into_inner().unwrap()});
    if let Err(error) = built {
        got["exit"] = error.code().into();
        got["error"] = class(error.kind()).into();
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
            error.source()
        });
        return (
            got,
            chain
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(": "),
        );
    }
    let layers = setting.root.at("layers");
    let metadata = std::fs::read_to_string(layers.join("config/metadata.toml")).unwrap();
    got["metadata"] = from_toml(&metadata);
    let paths = listing(&layers);
    let content = |path: &&String| path.starts_with("sbom/") && !path.ends_with('/');
    let read = |path: &String| {
        (
            path.clone(),
            Value::from(std::fs::read_to_string(layers.join(path)).unwrap()),
        )
    };
    got["sbom"] = paths
        .iter()
        .filter(content)
        .map(read)
        .collect::<Map<_, _>>()
        .into();
    got["layers"] = paths.into();
    (got, String::new())
}

fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BinBuild => "bin-build",
        ErrorKind::BuildpackApi => "buildpack-api",
        ErrorKind::Inputs => "inputs",
        ErrorKind::TypesAtTopLevel => "types-at-top-level",
        ErrorKind::UnmetWithoutName => "unmet-name-required",
        ErrorKind::UnmetNotRequested => "unmet-not-requested",
        ErrorKind::MultipleDefaults => "multiple-defaults",
        ErrorKind::DirectNotSupported => "direct-not-supported",
        ErrorKind::BomVersion => "bom-top-level-version",
        ErrorKind::SbomUndeclared => "sbom-undeclared",
        ErrorKind::SbomMediaType => "sbom-media-type",
        ErrorKind::SbomUnsupported => "sbom-unsupported",
        ErrorKind::RenameLayer => "rename-layer",
        ErrorKind::ModuleNotFound => "module-not-found",
        // The boundary between syntax and type is the library's.
        ErrorKind::Format => "type",
        _ => "other",
    }
}

fn compare(case: &Case, got: &Value, error: &str) -> Result<(), String> {
    let mut expect = case.expect.clone();
    if expect["error"] == "syntax" {
        expect["error"] = "type".into();
    }
    if expect["error"] == "panic" {
        // Any clean error will do.
        return if got["exit"] == 0 {
            Err("accepted what crashes Go".into())
        } else {
            Ok(())
        };
    }
    // What is left after a failure is not recorded.
    let keys = [
        "exit", "error", "ran", "metadata", "layers", "sbom", "warnings",
    ];
    let keys = if expect["exit"] == 0 {
        &keys[..]
    } else {
        &keys[..3]
    };
    for key in keys {
        let (expect, got) = (normal(&expect[*key]), normal(&got[*key]));
        if expect != got && !(is_empty(&expect) && is_empty(&got)) {
            return Err(format!("{key}: expected {expect}\n  got {got} {error}"));
        }
    }
    Ok(())
}

/// Does what the case says the script does.
struct Fake<'a> {
    setting: &'a Setting,
    ran: Mutex<Vec<Value>>,
}

impl Runner for Fake<'_> {
    fn run(&self, command: &Command, _: &(dyn Fn(Stream, &[u8]) + Sync)) -> Ran<Exit> {
        let root = &self.setting.root;
        let id = command.element.id.clone();
        let plan: PathBuf = root.at(command.args[2].to_str().unwrap());
        let seen =
            cnb::BuildpackPlan::parse(&std::fs::read_to_string(&plan).unwrap(), &plan).unwrap();
        let require = |require: &cnb::Require| {
            let mut value = json!({"name": require.name, "version": require.version});
            value["metadata"] = crate::world::json(&toml::Value::Table(require.metadata.clone()));
            let value = normal(&value);
            if value.as_object().unwrap().len() == 1 {
                value["name"].clone()
            } else {
                value
            }
        };
        let entries: Vec<Value> = seen.entries.iter().map(require).collect();
        self.ran
            .lock()
            .unwrap()
            .push(json!({"id": id, "plan": entries, "env": self.difference(command)}));

        let layers = format!("layers/{}", command.element.folder);
        let mut build = Fields::of(self.setting.builds[&id].clone());
        build.take("missing");
        build.take("not_executable");
        for path in texts(&mut build, "remove") {
            let path = root.at(&format!("{layers}/{path}"));
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        if build.has("write_plan") {
            std::fs::write(plan, build.text("write_plan")).unwrap();
        }
        tree(
            root,
            &layers,
            &json!({"tree": build.take("tree"), "links": build.take("links")}),
        );
        let exit = match (number(&mut build, "signal"), number(&mut build, "exit")) {
            (0, exit) => Exit::Code(i32::try_from(exit).unwrap()),
            (signal, _) => Exit::Signal(i32::try_from(signal).unwrap()),
        };
        build.end();
        Ok(exit)
    }
}

impl Fake<'_> {
    /// Variables that differ from the builder's own, `null` where they are not there.
    fn difference(&self, command: &Command) -> Value {
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        let own: BTreeMap<String, String> = self
            .setting
            .environ
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let env: BTreeMap<String, String> = command
            .env
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let hidden = [
            "CNB_BP_PLAN_PATH",
            "CNB_BUILDPACK_DIR",
            "CNB_LAYERS_DIR",
            "CNB_PLATFORM_DIR",
        ];
        let names = own
            .keys()
            .chain(env.keys())
            .filter(|name| !hidden.contains(&name.as_str()));
        let different = names.filter(|name| own.get(*name) != env.get(*name));
        different
            .map(|name| {
                (
                    name.clone(),
                    env.get(name)
                        .map_or(Value::Null, |value| value.as_str().into()),
                )
            })
            .collect::<Map<_, _>>()
            .into()
    }
}

#[derive(Default)]
struct Warnings(Mutex<Vec<&'static str>>);

impl Events for Warnings {
    fn tell(&self, event: Event) {
        let Event::Said { text, .. } = event else {
            return;
        };
        if text.starts_with("Warning: redefining the following default process type") {
            self.0.lock().unwrap().push("default-redefined");
        }
        if text.starts_with("Warning: process working directory isn't supported") {
            self.0.lock().unwrap().push("working-dir");
        }
    }
}
