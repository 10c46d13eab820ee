//! Builds with a script in uv's place and another in Python's: no network, nothing installed on this machine is needed.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use toolkit::{Buildpack, Context, Environment, Failure, Log};

use super::*;

/// Installs one module, notes how it was called, and leaves litter as a build would.
const UV: &str = r#"#!/bin/sh
echo run >> "$NOTES/runs"
printf '%s\n' "$@" > "$NOTES/args"
env > "$NOTES/env"
echo "Using Python 3.13 environment at: venv" >&2
echo "Resolved 1 package from $UV_DEFAULT_INDEX with $NETRC" >&2
echo "opensesame swordfish99 correcthorse hunter2hunter2 tok-0123456789" >&2
site=$(dirname "$4")/../lib/python3.13/site-packages
umask 077
mkdir "$site/hello"
echo "x = 1" > "$site/hello/__init__.py"
touch "$site/../../../.lock"
mkdir -p build/lib hello.egg-info
test -z "$FAIL" || { echo "error: $FAIL" >&2; exit 1; }
"#;

/// Compiles by copying.
const PYTHON: &str = r#"#!/bin/sh
echo "$@" > "$(dirname "$0")/../notes/compile"
for last; do :; done
while read -r module; do
    folder=$(dirname "$module")/__pycache__
    mkdir -p "$folder"
    cp "$module" "$folder/$(basename "$module" .py).cpython-313.pyc"
done < "$last"
"#;

struct World {
    top: tempfile::TempDir,
    env: Environment,
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

impl World {
    fn new(requirements: &str) -> World {
        let mut world = World {
            top: tempfile::tempdir().unwrap(),
            env: Environment::default(),
        };
        for folder in ["app", "layers", "platform", "bin", "notes"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        world.write("app/requirements.txt", requirements);
        world.write("bin/python3.13", PYTHON);
        let python = world.path("bin/python3.13");
        fs::set_permissions(&python, Permissions::from_mode(0o755)).unwrap();
        harness::ready(&python);
        std::os::unix::fs::symlink("python3.13", world.path("bin/python3")).unwrap();
        world.set(
            "PATH",
            &format!("{}:/usr/bin:/bin", world.path("bin").display()),
        );
        world.set("NOTES", world.path("notes").to_str().unwrap());
        world.with_context(&Log::default(), |cx| uv::replace(cx, UV));
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

    fn read(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.set(name, value);
    }

    fn with_context<T>(&self, log: &Log, run: impl FnOnce(&BuildContext<'_>) -> T) -> T {
        let context = Context {
            app: self.path("app"),
            platform: self.path("platform"),
            env: self.env.clone(),
            id: "slipway/pip".to_owned(),
            version: "1".to_owned(),
            now: SystemTime::UNIX_EPOCH,
            log,
        };
        run(&BuildContext::new(
            context,
            self.path("layers"),
            toolkit::BuildpackPlan::default(),
        ))
    }

    /// The result and the log.
    fn build(&self) -> (Result<Built>, String) {
        let page = Page::default();
        let log = Log::new(Box::new(page.clone()));
        let built = self.with_context(&log, |cx| crate::buildpack().build(cx));
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        (built, text)
    }

    /// The log of a build that goes well.
    fn built(&self) -> String {
        let (built, log) = self.build();
        assert!(built.is_ok(), "{built:?}\n{log}");
        log
    }

    fn failed(&self) -> Failure {
        self.build().0.unwrap_err()
    }

    fn runs(&self) -> usize {
        self.read("notes/runs").lines().count()
    }
}

#[test]
fn an_equal_key_starts_nothing_and_any_change_of_an_input_does() {
    let mut world = World::new("-r base.txt\n");
    world.write("app/base.txt", "hello==1\n");
    world.built();
    assert_eq!(world.runs(), 1);
    // As the lifecycle restores a launch layer: its metadata without its folder.
    fs::remove_dir_all(world.path("layers/venv")).unwrap();
    let log = world.built();
    assert_eq!(world.runs(), 1);
    assert!(
        log.contains("Reusing the packages of the last build"),
        "{log}"
    );
    assert!(world.read("layers/venv.toml").contains("launch = true"));

    world.write("app/base.txt", "hello==2\n");
    world.built();
    assert_eq!(world.runs(), 2);
    world.set("PIP_INDEX_URL", "https://me:secret@mirror.example/simple");
    world.built();
    assert_eq!(world.runs(), 3);
    // Another password is no other index.
    world.set("PIP_INDEX_URL", "https://me:changed@mirror.example/simple");
    world.built();
    assert_eq!(world.runs(), 3);
    world.set("BP_PYTHON_REFRESH", "always");
    world.built();
    assert_eq!(world.runs(), 4);
}

#[test]
fn what_only_the_next_installation_needs_stays_cached() {
    let world = World::new("hello==1\n");
    world.built();
    // As the lifecycle restores cached layers: what is in them, and metadata without types.
    for name in ["uv", "uv-cache"] {
        let file = format!("layers/{name}.toml");
        let left = world.read(&file);
        world.write(&file, &left.replace("cache = true", "cache = false"));
    }
    world.built();
    assert_eq!(world.runs(), 1);
    assert!(world.read("layers/uv-cache.toml").contains("cache = true"));
    let uv = world.read("layers/uv.toml");
    assert!(uv.contains("cache = true") && uv.contains("key = "), "{uv}");
    fs::remove_dir_all(world.path("layers/uv-cache")).unwrap();
    world.write("layers/uv-cache.toml", "");
    world.built();
    assert_eq!(world.read("layers/uv-cache.toml"), "", "nothing came back");
}

#[test]
fn a_failed_installation_is_not_taken_for_a_layer_by_the_next_build() {
    let mut world = World::new("hello==1\n");
    world.set("FAIL", "something new");
    assert_eq!(world.failed().code(), "SLP-PYT-199");
    assert!(!world.path("layers/venv.toml").exists());
    world.set("FAIL", "");
    world.built();
    assert_eq!(world.runs(), 2);
}

#[test]
fn the_layer_is_settled_compiled_and_without_litter() {
    let world = World::new("-e .\nhello==1\n");
    world.write("app/old.egg-info/PKG-INFO", "");
    world.built();
    let mode = |below: &str| world.path(below).metadata().unwrap().permissions().mode() & 0o7777;
    let site = "layers/venv/lib/python3.13/site-packages";
    assert_eq!(mode(&format!("{site}/hello")), 0o755);
    assert_eq!(mode(&format!("{site}/hello/__init__.py")), 0o644);
    assert!(
        world
            .path(&format!(
                "{site}/hello/__pycache__/__init__.cpython-313.pyc"
            ))
            .is_file()
    );
    assert!(!world.path("layers/venv/.lock").exists());
    assert!(!world.path("app/build").exists() && !world.path("app/hello.egg-info").exists());
    assert!(world.path("app/old.egg-info").exists());
    let venv = world.path("layers/venv");
    assert_eq!(
        fs::read_link(venv.join("bin/python")).unwrap(),
        world.path("bin/python3.13").canonicalize().unwrap()
    );
    assert_eq!(
        world.read("layers/venv/env/VIRTUAL_ENV.override"),
        venv.display().to_string()
    );
    let compile = world.read("notes/compile");
    assert!(compile.contains(" unchecked-hash /"), "{compile}");
    let mut names: Vec<_> = fs::read_dir(venv.join("bin"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["python", "python3", "python3.13"]);
}

#[test]
fn the_callers_settings_reach_uv_as_variables_and_their_secrets_nothing_else() {
    let mut world = World::new("--pre\n--trusted-host h.example\nhello==1\n");
    let given = "platform/slipway/pip";
    world.write(
        &format!("{given}/files/pip.conf.0"),
        "[global]\nindex-url = https://weak.example/simple\nno-binary = a,b\ntimeout = 77\n",
    );
    world.write(
        &format!("{given}/files/pip.conf.1"),
        "[install]\nindex-url = https://me:hunter2hunter2@mirror.example/simple\n",
    );
    world.write(
        &format!("{given}/files/netrc"),
        "machine h.example login me password opensesame\n",
    );
    world.write(
        &format!("{given}/env/PIP_EXTRA_INDEX_URL"),
        "https://tok-0123456789@extra.example/simple",
    );
    world.write(
        &format!("{given}/env/PIP_FIND_LINKS"),
        &world.path("wheels").display().to_string(),
    );
    world.set("UV_HTTP_RETRIES", "1");
    world.set(
        "UV_INDEX",
        "mine=https://me:swordfish99@named.example/simple",
    );
    world.set("UV_PUBLISH_TOKEN", "pypi-0123456789");
    world.write(
        &format!("{given}/files/uv.toml"),
        "[[index]]\nurl = \"https://me:correcthorse@toml.example/simple\"\n",
    );
    let log = world.built();
    let env = world.read("notes/env");
    for line in [
        "UV_DEFAULT_INDEX=https://me:hunter2hunter2@mirror.example/simple",
        "UV_EXTRA_INDEX_URL=https://tok-0123456789@extra.example/simple",
        "UV_HTTP_TIMEOUT=77",
        "UV_HTTP_RETRIES=1",
        "UV_INSECURE_HOST=h.example",
        "UV_NO_INSTALLER_METADATA=1",
        "SOURCE_DATE_EPOCH=315532800",
    ] {
        assert!(
            env.lines().any(|found| found == line),
            "{line} is missing in\n{env}"
        );
    }
    assert!(
        env.contains("NETRC=") && env.contains("UV_FIND_LINKS="),
        "{env}"
    );
    assert!(!env.contains("PIP_"), "{env}");
    let args = world.read("notes/args");
    assert!(
        args.contains("--no-binary\na\n--no-binary\nb\n") && args.contains("--prerelease\nallow"),
        "{args}"
    );
    let toml = world.read("layers/venv.toml");
    assert!(
        env.contains("UV_CONFIG_FILE=") && !env.contains("UV_PUBLISH"),
        "{env}"
    );
    for secret in [
        "hunter2hunter2",
        "tok-0123456789",
        "opensesame",
        "swordfish99",
        "correcthorse",
    ] {
        assert!(
            !log.contains(secret) && !toml.contains(secret) && !args.contains(secret),
            "{secret}\n{log}"
        );
    }
    assert!(
        log.contains("Resolved 1 package from https://mirror.example/simple"),
        "{log}"
    );
}

#[test]
fn variables_that_would_install_elsewhere_are_refused() {
    let mut world = World::new("hello==1\n");
    world.set("PIP_TARGET", "/elsewhere");
    let failure = world.failed();
    assert_eq!(failure.code(), "SLP-PYT-116");
    assert!(failure.to_string().contains("PIP_TARGET"));
    assert_eq!(world.runs(), 0);
}

#[test]
fn vendored_wheels_are_the_only_ones_that_are_used() {
    let world = World::new("hello==1\n");
    world.write("app/vendor/hello-1-py3-none-any.whl", "wheel");
    world.built();
    assert!(world.read("notes/args").contains("--no-index"));
    assert!(world.read("notes/env").contains(&format!(
        "UV_FIND_LINKS={}",
        world.path("app/vendor").display()
    )));
    world.write("app/vendor/hello-1-py3-none-any.whl", "another wheel");
    world.built();
    assert_eq!(world.runs(), 2);
}

#[test]
fn hashes_of_one_requirement_require_them_of_all() {
    let world = World::new("hello==1 --hash=sha256:aa\n");
    world.built();
    assert!(world.read("notes/args").contains("--require-hashes"));
}

#[test]
fn what_is_not_pinned_and_what_is_missing_is_said() {
    let world = World::new("hello\nflask>=2\nrequests==2.32.3\n");
    world.write("app/poetry.lock", "");
    world.write("app/app.py", "app = Flask(__name__)\n");
    let log = world.built();
    assert!(
        log.contains("requirements.txt: 3 packages, hashes: no"),
        "{log}"
    );
    assert!(log.contains("not pinned: 2 of 3"), "{log}");
    assert!(
        log.contains("warning[SLP-PYT-010]: poetry.lock is there, too"),
        "{log}"
    );
    assert!(
        log.contains("add a Procfile with the line: web: gunicorn app:app"),
        "{log}"
    );
    world.write("app/Procfile", "web: gunicorn app:app\n");
    assert!(!world.built().contains("Procfile"));
}

#[test]
fn nothing_is_fetched_for_requirements_that_cannot_be_read() {
    for (requirements, code, place) in [
        (
            "flask\nan-invalid-requirement!\n",
            "SLP-PYT-101",
            "requirements.txt:2",
        ),
        ("-e ../elsewhere\n", "SLP-PYT-115", "requirements.txt:1"),
        ("-r missing.txt\n", "SLP-PYT-100", "requirements.txt:1"),
    ] {
        let world = World::new(requirements);
        let failure = world.failed();
        assert_eq!(failure.code(), code);
        assert!(failure.to_string().contains(place), "{failure}");
        assert_eq!(world.runs(), 0);
    }
}
