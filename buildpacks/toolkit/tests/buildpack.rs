//! A small buildpack, called as a lifecycle calls it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use toolkit::{
    BuildContext, BuildPlan, Buildpack, Built, Call, Class, DetectContext, Detection, Environment,
    Failure, Key, Keyed, Launch, LayerTypes, Log, Process, Result, Scope, provide, require, run,
};

/// Takes part where there is a file `wanted`, and makes a layer of it.
struct Greeting;

const DESCRIPTOR: &str =
    "api = \"0.10\"\n[buildpack]\nid = \"test/greeting\"\nversion = \"1.2.3\"\nname = \"x\"\n";

impl Buildpack for Greeting {
    fn descriptor(&self) -> &'static str {
        DESCRIPTOR
    }

    fn detect(&self, cx: &DetectContext<'_>) -> Result<Detection> {
        if !cx.app.join("wanted").is_file() {
            return Ok(Detection::fail("no file called wanted").help("touch wanted"));
        }
        Ok(Detection::Pass(BuildPlan {
            provides: vec![provide("greeting")],
            requires: vec![require("greeting", &["launch"])],
            ..BuildPlan::default()
        }))
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Built> {
        let text = toolkit::read_text(&cx.app.join("wanted"))?.unwrap_or_default();
        if text == "broken" {
            return Err(
                Failure::new("SLP-XXX-001", "the greeting is broken").class(Class::Transient)
            );
        }
        let launch = LayerTypes {
            launch: cx.is_wanted("greeting", "launch"),
            ..LayerTypes::default()
        };
        let key = Key::default().with_bytes("wanted", text.as_bytes());
        match cx.keyed_layer("greeting", launch, &key)? {
            Keyed::Reused(_) => cx.log.line("reused"),
            Keyed::Fresh(layer) => {
                toolkit::write(&layer.path().join("text"), text.as_bytes())?;
                layer.set(Scope::All, "GREETING", &text)?;
                layer.set_default(Scope::Process("web"), "PORT", "80")?;
                layer.finish()?;
                cx.log.line("made");
            }
        }
        Ok(Built {
            launch: Launch {
                processes: vec![Process {
                    process_type: "web".to_owned(),
                    command: vec!["greet".to_owned()],
                    direct: true,
                    ..Process::default()
                }],
                ..Launch::default()
            },
            ..Built::default()
        })
    }
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

struct World(tempfile::TempDir);

impl World {
    fn new() -> World {
        let world = World(tempfile::tempdir().unwrap());
        for folder in ["app", "layers", "platform", "buildpack/bin"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        fs::write(world.path("buildpack/buildpack.toml"), DESCRIPTOR).unwrap();
        world
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn read(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap()
    }

    fn write(&self, below: &str, text: &str) {
        fs::write(self.path(below), text).unwrap();
    }

    /// Calls a program with arguments only, as older APIs do, or with variables only.
    fn call(&self, program: &str, args: &[&str], variables: &[(&str, &str)]) -> (u8, String) {
        let args = args.iter().map(|name| self.path(name));
        let mut env = Environment::default();
        for (name, value) in variables {
            env.set(*name, self.path(value));
        }
        let page = Page::default();
        let call = Call {
            args: std::iter::once(self.path(program))
                .chain(args)
                .map(Into::into)
                .collect(),
            env,
            dir: self.path("app"),
            now: SystemTime::UNIX_EPOCH,
        };
        let code = run(&[&Greeting], &call, &Log::new(Box::new(page.clone())));
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        (code, text)
    }

    fn detect(&self) -> (u8, String) {
        self.call("buildpack/bin/detect", &["platform", "plan"], &[])
    }

    fn build(&self) -> (u8, String) {
        self.call("buildpack/bin/build", &["layers", "platform", "plan"], &[])
    }
}

#[test]
fn detect_passes_with_a_plan_or_says_why_not() {
    let world = World::new();
    assert_eq!(
        world.detect(),
        (
            100,
            "no file called wanted\nhelp: touch wanted\n".to_owned()
        )
    );
    assert!(!world.path("plan").exists());
    world.write("app/wanted", "hello");
    assert_eq!(world.detect(), (0, String::new()));
    let plan = world.read("plan");
    assert!(plan.contains("[[provides]]\nname = \"greeting\""), "{plan}");
    assert!(plan.contains("launch = true"), "{plan}");
}

#[test]
fn build_makes_a_layer_once_and_says_how_the_app_starts() {
    let world = World::new();
    world.write("app/wanted", "hello");
    world.write(
        "plan",
        "[[entries]]\nname = \"greeting\"\n[entries.metadata]\nlaunch = true\n",
    );
    assert_eq!(
        world.build(),
        (0, "test/greeting 1.2.3\n  made\n".to_owned())
    );
    assert_eq!(world.read("layers/greeting/env/GREETING.override"), "hello");
    assert_eq!(
        world.read("layers/greeting/env.launch/web/PORT.default"),
        "80"
    );
    let toml = world.read("layers/greeting.toml");
    assert!(
        toml.contains("launch = true") && toml.contains("key = "),
        "{toml}"
    );
    assert!(
        world
            .read("layers/launch.toml")
            .contains("command = [\"greet\"]")
    );
    assert!(!world.path("layers/store.toml").exists());
    assert_eq!(world.build().1, "test/greeting 1.2.3\n  reused\n");
    world.write("app/wanted", "good morning");
    assert_eq!(world.build().1, "test/greeting 1.2.3\n  made\n");
    assert_eq!(world.read("layers/greeting/text"), "good morning");
}

#[test]
fn a_failure_is_the_last_thing_said_and_decides_the_exit_status() {
    let world = World::new();
    world.write("app/wanted", "broken");
    let (code, text) = world.build();
    assert_eq!(code, 75);
    assert_eq!(
        text,
        "test/greeting 1.2.3\nerror[SLP-XXX-001]: the greeting is broken\n"
    );
}

#[test]
fn inputs_come_from_variables_where_there_are_any() {
    let world = World::new();
    world.write("app/wanted", "hello");
    let variables = [
        ("CNB_BUILDPACK_DIR", "buildpack"),
        ("CNB_PLATFORM_DIR", "platform"),
        ("CNB_BUILD_PLAN_PATH", "other-plan"),
    ];
    // The program's own path says nothing here: it could be the link's target.
    assert_eq!(world.call("elsewhere/bin/detect", &[], &variables).0, 0);
    assert!(world.path("other-plan").exists());
}

#[test]
fn a_folder_of_an_unknown_buildpack_is_refused() {
    let world = World::new();
    world.write(
        "buildpack/buildpack.toml",
        &DESCRIPTOR.replace("greeting", "other"),
    );
    let (code, text) = world.detect();
    assert_eq!(code, 1);
    assert!(
        text.contains("test/other is not one of the buildpacks in this program"),
        "{text}"
    );
    fs::remove_file(world.path("buildpack/buildpack.toml")).unwrap();
    assert!(world.detect().1.contains("SLP-BLD-105"));
}
