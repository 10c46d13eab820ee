//! detect.jsonl: order resolution, plan resolution, exit codes (DE-2 to DE-17, API-3, EX-1).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cnb::{Distro, Environment, ImageTarget, Order, OrderElement, OrderGroup, SystemToml};
use phases::{Command, Dirs, Exit, Result as Phase, Runner, Silent, Stream, Workshop};
use serde_json::{Map, Value, json};

use crate::vectors::{Case, Fields, cases, report};
use crate::world::{Root, executable, number, toml_text};

#[test]
fn every_case_of_detect() {
    let cases: Vec<Case> = cases("detect.jsonl");
    report("detect.jsonl", &cases, check);
}

fn check(case: &Case) -> Result<(), String> {
    let mut input = Fields::of(case.input.clone());
    let api = input.text("platform_api").parse().unwrap();
    let exec_env = match input.text("exec_env") {
        text if text.is_empty() => "production".to_owned(),
        text => text,
    };
    let target = target(input.take("run_image_target"));
    let root = Root::new();
    root.write("etc/os-release", &input.text("os_release"));
    for dir in ["workspace", "tmp", "platform", "layers"] {
        root.dir(dir);
    }
    let order = Order { groups: groups(input.list("order"), false), extensions: groups(input.list("order_extensions"), true) };
    let system = system(input.take("system"));
    let mut programs = BTreeMap::new();
    let mut modules = BTreeMap::new();
    for (key, extension) in [("buildpacks", false), ("extensions", true)] {
        for (reference, module) in input.object(key) {
            let name = if extension { format!("ext:{reference}") } else { reference.clone() };
            modules.insert(name.clone(), module.clone());
            install(&root, &reference, extension, module, name, &mut programs);
        }
    }
    input.end();

    let fake = Fake { programs, root: root.path().to_owned(), ran: Mutex::default() };
    let dirs = Dirs::below(root.path());
    let environ = Environment::new([("PATH".into(), "/usr/bin".into())]);
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
    let outcome = phases::detect(&workshop, &order, &system);
    let ran: Vec<String> = fake.ran.into_inner().unwrap();
    let mut got = Map::new();
    match &outcome {
        Ok(detected) => {
            let name = |element: &cnb::GroupElement| element.to_string();
            got.insert("exit".into(), 0.into());
            got.insert("group".into(), detected.group.buildpacks.iter().map(name).collect());
            got.insert("group_extensions".into(), detected.group.extensions.iter().map(name).collect());
            got.insert("plan".into(), plan(&detected.plan));
            let extensions = detected.group.extensions.iter().map(|element| (format!("ext:{element}"), element));
            for (name, element) in detected.group.buildpacks.iter().map(|element| (name(element), element)).chain(extensions) {
                let module = &modules[&name];
                let declared = |key: &str| module.get(key).and_then(Value::as_str);
                assert_eq!(element.api, declared("api").unwrap_or("0.10"), "{}: API in group.toml", case.id);
                assert_eq!(element.homepage, declared("homepage").unwrap_or_default(), "{}: homepage in group.toml", case.id);
            }
        }
        Err(error) => {
            got.insert("exit".into(), error.code().into());
        }
    }
    let unique: BTreeSet<&String> = ran.iter().collect();
    if unique.len() != ran.len() {
        return Err(format!("ran more than once: {ran:?}"));
    }
    got.insert("ran".into(), unique.into_iter().cloned().collect());

    let mut expect = Fields::of(case.expect.clone());
    let only_exit = expect.text("at") == "init" || case.expect["exit"] == 22;
    for key in ["exit", "group", "group_extensions", "plan", "ran"] {
        let (expected, got) = (expect.take(key), got.remove(key).unwrap_or_default());
        let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if expected == got || empty(&expected) && empty(&got) || only_exit && key != "exit" {
            continue;
        }
        let error = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        return Err(format!("{key}: expected {expected}, got {got} {error}"));
    }
    expect.end();
    Ok(())
}

pub(crate) fn target(value: Value) -> ImageTarget {
    let mut fields = Fields::of(value);
    let (os, arch, variant) = (fields.text("os"), fields.text("arch"), fields.text("variant"));
    let distro = fields.has("distro").then(|| {
        let mut distro = Fields::of(fields.take("distro"));
        let read = Distro { name: distro.text("name"), version: distro.text("version") };
        distro.end();
        read
    });
    fields.end();
    ImageTarget { id: String::new(), os, arch, variant, distro }
}

fn groups(groups: Vec<Value>, extension: bool) -> Vec<OrderGroup> {
    let group = |group: Value| OrderGroup { group: elements(&group, extension) };
    groups.into_iter().map(group).collect()
}

fn elements(references: &Value, extension: bool) -> Vec<OrderElement> {
    let element = |reference: &Value| {
        let text = reference.as_str().unwrap();
        let name = text.trim_end_matches('?');
        let (id, version) = name.split_once('@').unwrap();
        OrderElement {
            id: id.parse().unwrap(),
            version: version.to_owned(),
            optional: extension || name.len() < text.len(),
            extension,
            ..OrderElement::default()
        }
    };
    references.as_array().into_iter().flatten().map(element).collect()
}

/// `optional` of system.toml counts with us (§4.6 of the study) and not in Go, so it is left out here.
fn system(value: Value) -> SystemToml {
    let mut fields = Fields::of(value);
    let mut side = |key: &str| {
        let named = elements(&fields.take(key), false).into_iter();
        let buildpacks = named.map(|element| cnb::SystemBuildpack { id: element.id, version: element.version, optional: false });
        cnb::SystemBuildpacks { buildpacks: buildpacks.collect() }
    };
    let system = SystemToml { pre: side("pre"), post: side("post") };
    fields.end();
    system
}

/// Puts a module into its folder; its program is only remembered.
fn install(
    root: &Root,
    reference: &str,
    extension: bool,
    module: Value,
    name: String,
    programs: &mut BTreeMap<PathBuf, Program>,
) {
    let (id, version) = reference.split_once('@').unwrap();
    let mut fields = Fields::of(module);
    let (all, kind) = if extension { ("extensions", "extension") } else { ("buildpacks", "buildpack") };
    let folder = format!("cnb/{all}/{}/{version}", id.replace('/', "_"));
    let mut about = json!({"id": id, "version": version, "name": id});
    let mut toml = Map::new();
    let api = fields.text("api");
    toml.insert("api".into(), if api.is_empty() { "0.10".into() } else { api.into() });
    for (from, to) in [("homepage", "homepage"), ("exec_env", "exec-env")] {
        if fields.has(from) {
            about[to] = fields.take(from);
        }
    }
    toml.insert(kind.into(), about);
    let targets = fields.list("targets").into_iter().map(|mut target| {
        if let Some(variant) = target.as_object_mut().unwrap().remove("variant") {
            target["arch-variant"] = variant;
        }
        target
    });
    toml.insert("targets".into(), targets.collect());
    toml.insert("stacks".into(), fields.list("stacks").into_iter().map(|id| json!({"id": id})).collect());
    let composite = fields.has("order");
    let order = fields.list("order").into_iter().map(|group| {
        let element = |element: OrderElement| json!({"id": element.id.as_str(), "version": element.version, "optional": element.optional});
        json!({"group": elements(&group, false).into_iter().map(element).collect::<Vec<_>>()})
    });
    toml.insert("order".into(), order.collect());
    root.write(&format!("{folder}/{kind}.toml"), &toml_text(&Value::Object(toml)));
    let no_bin_build = fields.flag("no_bin_build");
    if !composite && !extension && !no_bin_build {
        executable(&root.write(&format!("{folder}/bin/build"), "#!/bin/sh\n"), true);
    }
    let mut detect = Fields::of(fields.take("detect"));
    fields.end();
    let exit = match (number(&mut detect, "signal"), number(&mut detect, "exit")) {
        (0, exit) => Exit::Code(i32::try_from(exit).unwrap()),
        (signal, _) => Exit::Signal(i32::try_from(signal).unwrap()),
    };
    let (missing, not_executable, prepared) = (detect.flag("missing"), detect.flag("not_executable"), detect.flag("static"));
    let plan = match (detect.take("plan_toml"), detect.take("plan")) {
        (Value::String(text), _) => Some(text),
        (_, Value::Null) => None,
        (_, plan) => Some(toml_text(&plan_file(plan))),
    };
    detect.end();
    if prepared {
        if let Some(plan) = plan {
            root.write(&format!("{folder}/detect/plan.toml"), &plan);
        }
    } else if !composite && !missing {
        executable(&root.write(&format!("{folder}/bin/detect"), "#!/bin/sh\n"), !not_executable);
        let plan = plan.unwrap_or_default();
        programs.insert(Path::new("/").join(folder).join("bin/detect"), Program { name, exit, plan });
    }
}

/// `provides = ["x"]` becomes `[[provides]] name = "x"`, and so on.
fn plan_file(plan: Value) -> Value {
    let mut fields = Fields::of(plan);
    let named = |value: Value| if value.is_string() { json!({"name": value}) } else { value };
    let provides: Value = fields.list("provides").into_iter().map(named).collect();
    let requires: Value = fields.list("requires").into_iter().map(named).collect();
    let or: Value = fields.list("or").into_iter().map(plan_file).collect();
    fields.end();
    json!({"provides": provides, "requires": requires, "or": or})
}

/// As in the vectors: sorted by the name of the first requirement, short where there is no metadata.
fn plan(plan: &cnb::Plan) -> Value {
    let require = |require: &cnb::Require| match require.metadata.is_empty() {
        true => Value::from(require.name.as_str()),
        false => json!({"name": require.name, "metadata": require.metadata}),
    };
    let provider = |provider: &cnb::GroupElement| format!("{}{provider}", if provider.extension { "ext:" } else { "" });
    let mut entries: Vec<&cnb::PlanEntry> = plan.entries.iter().collect();
    entries.sort_by_key(|entry| entry.requires.first().map(|require| require.name.clone()));
    let entry = |entry: &cnb::PlanEntry| {
        json!({
            "providers": entry.providers.iter().map(provider).collect::<Vec<_>>(),
            "requires": entry.requires.iter().map(require).collect::<Vec<_>>(),
        })
    };
    entries.into_iter().map(entry).collect()
}

struct Program {
    name: String,
    exit: Exit,
    plan: String,
}

/// Answers from the data instead of starting programs.
struct Fake {
    programs: BTreeMap<PathBuf, Program>,
    root: PathBuf,
    ran: Mutex<Vec<String>>,
}

impl Runner for Fake {
    fn run(&self, command: &Command, _: &(dyn Fn(Stream, &[u8]) + Sync)) -> Phase<Exit> {
        let program = &self.programs[&command.program];
        self.ran.lock().unwrap().push(program.name.clone());
        assert_eq!(command.args.len(), 2, "platform and plan");
        assert_eq!(command.args[0], "/platform");
        let plan = self.root.join(Path::new(&command.args[1]).strip_prefix("/").unwrap());
        std::fs::write(plan, &program.plan).unwrap();
        Ok(program.exit)
    }
}
