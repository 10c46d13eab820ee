//! detect.jsonl: order resolution, plan resolution, exit codes (DE-2 to DE-17, API-3, EX-1).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cnb::{
    Distro, Environment, GroupElement, ImageTarget, Order, OrderElement, OrderGroup, PlatformApi,
    SystemToml,
};
use phases::{
    Command, Detected, Dirs, Exit, Plain, Result as Phase, Runner, Silent, Stream, Workshop,
};
use serde_json::{Map, Value, json};

use crate::vectors::{Case, Fields, cases, report};
use crate::world::{Root, executable, is_empty, number, toml_text};

#[test]
fn every_case_of_detect() {
    let cases: Vec<Case> = cases("detect.jsonl");
    let outcomes = side_by_side(&cases, |case| check(case, &Answers));
    report("detect.jsonl", &cases, |case| outcomes[&case.id].clone());
}

/// The same through programs that really run, for cases that say nothing of the machine.
#[test]
fn a_part_of_detect_with_real_programs() {
    let mut cases: Vec<Case> = cases("detect.jsonl");
    cases.retain(|case| {
        let input = case.input.to_string();
        ![
            "os_release",
            "run_image_target",
            "\"targets\"",
            "\"stacks\"",
        ]
        .iter()
        .any(|key| input.contains(key))
    });
    let cases: Vec<Case> = cases.into_iter().step_by(16).collect();
    assert!(cases.len() > 40, "{}", cases.len());
    let outcomes = side_by_side(&cases, |case| check(case, &Programs));
    report("detect.jsonl (real programs)", &cases, |case| {
        outcomes[&case.id].clone()
    });
}

/// How modules are run in a test.
trait Bench: Sync {
    /// The folders of a build whose `/` is here.
    fn dirs(&self, root: &Path) -> Dirs;
    fn scratch(&self, root: &Path) -> PathBuf;
    /// Runs detect with all that it needs; also returns which programs ran.
    fn run(
        &self,
        setting: &Setting,
        detect: &dyn Fn(&dyn Runner) -> Phase<Detected>,
    ) -> (Phase<Detected>, Vec<String>);
}

/// Programs are not started: their answers are in the data.
struct Answers;

impl Bench for Answers {
    fn dirs(&self, root: &Path) -> Dirs {
        Dirs::below(root)
    }

    fn scratch(&self, _: &Path) -> PathBuf {
        "/tmp".into()
    }

    fn run(
        &self,
        setting: &Setting,
        detect: &dyn Fn(&dyn Runner) -> Phase<Detected>,
    ) -> (Phase<Detected>, Vec<String>) {
        let fake = Fake {
            programs: &setting.programs,
            root: setting.root.path(),
            ran: Mutex::default(),
        };
        let outcome = detect(&fake);
        (outcome, fake.ran.into_inner().unwrap())
    }
}

/// Programs are started; all names are those on this machine.
struct Programs;

impl Bench for Programs {
    fn dirs(&self, root: &Path) -> Dirs {
        Dirs {
            app: root.join("workspace"),
            layers: root.join("layers"),
            platform: root.join("platform"),
            buildpacks: root.join("cnb/buildpacks"),
            extensions: root.join("cnb/extensions"),
            build_config: root.join("cnb/build-config"),
            root: "/".into(),
        }
    }

    fn scratch(&self, root: &Path) -> PathBuf {
        root.join("tmp")
    }

    fn run(
        &self,
        setting: &Setting,
        detect: &dyn Fn(&dyn Runner) -> Phase<Detected>,
    ) -> (Phase<Detected>, Vec<String>) {
        let programs = setting.programs.keys();
        for program in programs.map(|path| setting.root.at(path.to_str().unwrap())) {
            harness::ready(&program);
        }
        let outcome = detect(&Plain);
        let ran = std::fs::read_to_string(setting.root.at("ran")).unwrap_or_default();
        (outcome, ran.lines().map(str::to_owned).collect())
    }
}

struct Setting {
    root: Root,
    api: PlatformApi,
    exec_env: String,
    target: ImageTarget,
    order: Order,
    system: SystemToml,
    /// As in the case, by name; extensions with `ext:`.
    modules: BTreeMap<String, Value>,
    programs: BTreeMap<PathBuf, Program>,
}

impl Setting {
    fn of(case: &Case) -> Setting {
        let mut input = Fields::of(case.input.clone());
        let exec_env = input.text("exec_env");
        let root = Root::new();
        root.write("etc/os-release", &input.text("os_release"));
        for dir in ["workspace", "tmp", "platform", "layers"] {
            root.dir(dir);
        }
        let mut setting = Setting {
            root,
            api: input.text("platform_api").parse().unwrap(),
            exec_env: if exec_env.is_empty() {
                "production".to_owned()
            } else {
                exec_env
            },
            target: target(input.take("run_image_target")),
            order: Order {
                groups: groups(input.list("order"), false),
                extensions: groups(input.list("order_extensions"), true),
            },
            system: system(input.take("system")),
            modules: BTreeMap::new(),
            programs: BTreeMap::new(),
        };
        for (key, prefix) in [("buildpacks", ""), ("extensions", "ext:")] {
            for (reference, module) in input.object(key) {
                let name = format!("{prefix}{reference}");
                setting.modules.insert(name.clone(), module.clone());
                install(&mut setting, &reference, !prefix.is_empty(), module, name);
            }
        }
        input.end();
        setting
    }

    fn detect(&self, bench: &dyn Bench) -> (Phase<Detected>, Vec<String>) {
        let dirs = bench.dirs(self.root.path());
        let environ = Environment::new([("PATH".into(), "/usr/bin:/bin".into())]);
        let scratch = bench.scratch(self.root.path());
        bench.run(self, &|runner| {
            let workshop = Workshop {
                dirs: &dirs,
                api: self.api,
                environ: &environ,
                exec_env: &self.exec_env,
                target: &self.target,
                scratch: &scratch,
                runner,
                events: &Silent,
            };
            phases::detect(&workshop, &self.order, &self.system)
        })
    }

    /// API and homepage in group.toml are the module's.
    fn check_group(&self, detected: &Detected) -> Result<(), String> {
        let buildpacks = detected
            .group
            .buildpacks
            .iter()
            .map(|element| (element.to_string(), element));
        let extensions = detected
            .group
            .extensions
            .iter()
            .map(|element| (format!("ext:{element}"), element));
        for (name, element) in buildpacks.chain(extensions) {
            let declared = |key: &str| self.modules[&name].get(key).and_then(Value::as_str);
            let expected = (
                declared("api").unwrap_or("0.10"),
                declared("homepage").unwrap_or_default(),
            );
            if (&*element.api, &*element.homepage) != expected {
                return Err(format!(
                    "{name} in group.toml: expected {expected:?}, got {element:?}"
                ));
            }
        }
        Ok(())
    }
}

fn check(case: &Case, bench: &dyn Bench) -> Result<(), String> {
    let setting = Setting::of(case);
    let (outcome, ran) = setting.detect(bench);
    let once: BTreeSet<&String> = ran.iter().collect();
    if once.len() != ran.len() {
        return Err(format!("ran more than once: {ran:?}"));
    }
    if let Ok(detected) = &outcome {
        setting.check_group(detected)?;
    }
    let got = described(&outcome, once.into_iter().cloned().collect());
    let mut expect = Fields::of(case.expect.clone());
    let only_exit = expect.text("at") == "init" || case.expect["exit"] == 22;
    for key in ["exit", "group", "group_extensions", "plan", "ran"] {
        let (expected, got) = (expect.take(key), &got[key]);
        let same = expected == *got || is_empty(&expected) && is_empty(got);
        if !(same || only_exit && key != "exit") {
            let error = outcome
                .as_ref()
                .err()
                .map(ToString::to_string)
                .unwrap_or_default();
            return Err(format!("{key}: expected {expected}, got {got} {error}"));
        }
    }
    expect.end();
    Ok(())
}

fn described(outcome: &Phase<Detected>, ran: Vec<String>) -> Value {
    match outcome {
        Ok(detected) => {
            let names = |elements: &[GroupElement]| {
                elements.iter().map(ToString::to_string).collect::<Vec<_>>()
            };
            json!({
                "exit": 0,
                "group": names(&detected.group.buildpacks),
                "group_extensions": names(&detected.group.extensions),
                "plan": plan(&detected.plan),
                "ran": ran,
            })
        }
        Err(error) => json!({"exit": error.code(), "ran": ran}),
    }
}

pub(crate) fn target(value: Value) -> ImageTarget {
    let mut fields = Fields::of(value);
    let (os, arch, variant) = (
        fields.text("os"),
        fields.text("arch"),
        fields.text("variant"),
    );
    let distro = fields.has("distro").then(|| {
        let mut distro = Fields::of(fields.take("distro"));
        let read = Distro {
            name: distro.text("name"),
            version: distro.text("version"),
        };
        distro.end();
        read
    });
    fields.end();
    ImageTarget {
        id: String::new(),
        os,
        arch,
        variant,
        distro,
    }
}

fn groups(groups: Vec<Value>, extension: bool) -> Vec<OrderGroup> {
    let group = |group: Value| OrderGroup {
        group: elements(&group, extension),
    };
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
    references
        .as_array()
        .into_iter()
        .flatten()
        .map(element)
        .collect()
}

/// `optional` of system.toml counts with us (§4.6 of the study) and not in Go, so it is left out here.
fn system(value: Value) -> SystemToml {
    let mut fields = Fields::of(value);
    let mut side = |key: &str| {
        let named = elements(&fields.take(key), false).into_iter();
        let buildpacks = named.map(|element| cnb::SystemBuildpack {
            id: element.id,
            version: element.version,
            optional: false,
        });
        cnb::SystemBuildpacks {
            buildpacks: buildpacks.collect(),
        }
    };
    let system = SystemToml {
        pre: side("pre"),
        post: side("post"),
    };
    fields.end();
    system
}

/// Puts a module into its folder; what its program answers is also remembered.
fn install(setting: &mut Setting, reference: &str, extension: bool, module: Value, name: String) {
    let root = &setting.root;
    let (id, version) = reference.split_once('@').unwrap();
    let mut fields = Fields::of(module);
    let (all, kind) = if extension {
        ("extensions", "extension")
    } else {
        ("buildpacks", "buildpack")
    };
    let folder = format!("cnb/{all}/{}/{version}", id.replace('/', "_"));
    let composite = fields.has("order");
    let toml = module_toml(id, version, kind, &mut fields);
    root.write(&format!("{folder}/{kind}.toml"), &toml_text(&toml));
    let no_bin_build = fields.flag("no_bin_build");
    if !composite && !extension && !no_bin_build {
        executable(
            &root.write(&format!("{folder}/bin/build"), "#!/bin/sh\n"),
            true,
        );
    }
    let detect = Fields::of(fields.take("detect"));
    fields.end();
    install_detect(setting, &folder, composite, detect, name);
}

/// What `buildpack.toml` or `extension.toml` says.
fn module_toml(id: &str, version: &str, kind: &str, fields: &mut Fields) -> Value {
    let mut about = json!({"id": id, "version": version, "name": id});
    let mut toml = Map::new();
    let api = fields.text("api");
    toml.insert(
        "api".into(),
        if api.is_empty() {
            "0.10".into()
        } else {
            api.into()
        },
    );
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
    toml.insert(
        "stacks".into(),
        fields
            .list("stacks")
            .into_iter()
            .map(|id| json!({"id": id}))
            .collect(),
    );
    let order = fields.list("order").into_iter().map(|group| {
        let element = |element: OrderElement| json!({"id": element.id.as_str(), "version": element.version, "optional": element.optional});
        json!({"group": elements(&group, false).into_iter().map(element).collect::<Vec<_>>()})
    });
    toml.insert("order".into(), order.collect());
    Value::Object(toml)
}

/// Puts the answer of `bin/detect` where it is found: a program, or a prepared plan.
fn install_detect(
    setting: &mut Setting,
    folder: &str,
    composite: bool,
    mut detect: Fields,
    name: String,
) {
    let root = &setting.root;
    let exit = match (number(&mut detect, "signal"), number(&mut detect, "exit")) {
        (0, exit) => Exit::Code(i32::try_from(exit).unwrap()),
        (signal, _) => Exit::Signal(i32::try_from(signal).unwrap()),
    };
    let (missing, not_executable, prepared) = (
        detect.flag("missing"),
        detect.flag("not_executable"),
        detect.flag("static"),
    );
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
        let program = Program {
            name,
            exit,
            plan: plan.unwrap_or_default(),
        };
        let script = program.script(&root.at("ran"));
        executable(
            &root.write(&format!("{folder}/bin/detect"), &script),
            !not_executable,
        );
        setting
            .programs
            .insert(Path::new("/").join(folder).join("bin/detect"), program);
    }
}

/// `provides = ["x"]` becomes `[[provides]] name = "x"`, and so on.
fn plan_file(plan: Value) -> Value {
    let mut fields = Fields::of(plan);
    let named = |value: Value| {
        if value.is_string() {
            json!({"name": value})
        } else {
            value
        }
    };
    let provides: Value = fields.list("provides").into_iter().map(named).collect();
    let requires: Value = fields.list("requires").into_iter().map(named).collect();
    let or: Value = fields.list("or").into_iter().map(plan_file).collect();
    fields.end();
    json!({"provides": provides, "requires": requires, "or": or})
}

/// As in the vectors: sorted by the name of the first requirement, short where there is no metadata.
fn plan(plan: &cnb::Plan) -> Value {
    let require = |require: &cnb::Require| {
        if require.metadata.is_empty() {
            Value::from(require.name.as_str())
        } else {
            json!({"name": require.name, "metadata": require.metadata})
        }
    };
    let provider = |provider: &cnb::GroupElement| {
        format!("{}{provider}", if provider.extension { "ext:" } else { "" })
    };
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

impl Program {
    /// The program as it stood before Go's detector.
    fn script(&self, ran: &Path) -> String {
        let end = match self.exit {
            Exit::Code(code) => format!("exit {code}"),
            Exit::Signal(signal) => format!("kill -{signal} $$"),
        };
        let (name, ran, plan) = (&self.name, ran.display(), &self.plan);
        format!("#!/bin/sh\necho '{name}' >> '{ran}'\ncat > \"$2\" <<'END'\n{plan}\nEND\n{end}\n")
    }
}

/// Answers from the data instead of starting programs.
struct Fake<'a> {
    programs: &'a BTreeMap<PathBuf, Program>,
    root: &'a Path,
    ran: Mutex<Vec<String>>,
}

impl Runner for Fake<'_> {
    fn run(&self, command: &Command, _: &(dyn Fn(Stream, &[u8]) + Sync)) -> Phase<Exit> {
        let program = &self.programs[&command.program];
        self.ran.lock().unwrap().push(program.name.clone());
        assert_eq!(command.args.len(), 2, "platform and plan");
        assert_eq!(command.args[0], "/platform");
        let plan = self
            .root
            .join(Path::new(&command.args[1]).strip_prefix("/").unwrap());
        std::fs::write(plan, &program.plan).unwrap();
        Ok(program.exit)
    }
}

/// The outcome of every case by its id, several at once.
fn side_by_side(
    cases: &[Case],
    check: impl Fn(&Case) -> Result<(), String> + Sync,
) -> BTreeMap<String, Result<(), String>> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = check(case);
                    outcomes.lock().unwrap().insert(case.id.clone(), outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}
