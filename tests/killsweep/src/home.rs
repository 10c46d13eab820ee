//! Worlds of whole builds: a state folder with its base images, an application, a buildpack in bash, and the outputs of an earlier build.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crashrec::images;
use oci::archive::Archive;

use crate::patience::finish;
use crate::scenario::WORLD;
use crate::world::{self, LAYOUT, Listing, PACKS, State, World};
use crate::{Result, text};

/// What `SLIPWAY_HOME` names.
pub(crate) const HOME: &str = "home";
const ARCHIVE: &str = "app.tar";
/// Sandboxes end with the program that started them, within this time.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// Applications of every world.
pub(crate) const SOURCES: [&str; 3] = ["one", "two", "kept"];

const APP: &str = "rig.example/app";

/// The build that is disturbed: it replaces what the one before it made.
pub(crate) const BUILD: [&str; 11] = [
    "build",
    "{world}/two",
    "--offline",
    "--buildpack",
    "{world}/buildpack",
    "--tag",
    APP,
    "--output=store",
    "--output=oci:{world}/layout",
    "--output=oci-archive:{world}/app.tar",
    "--env=RIG=1",
];

const BUILDPACK_TOML: &str = r#"api = "0.12"

[buildpack]
id = "rig/copies"
version = "1.0.0"
name = "Copies"

[[targets]]
os = "linux"
"#;

const DETECT: &str = "#!/usr/bin/env bash\nexit 0\n";

/// A cached layer, a launch layer, and work that takes a moment in which somebody may be killed.
const WORK: &str = r#"#!/usr/bin/env bash
set -euo pipefail
mkdir -p "$CNB_LAYERS_DIR/kept" "$CNB_LAYERS_DIR/made/data"
printf '[types]\nlaunch = true\ncache = true\n' >"$CNB_LAYERS_DIR/kept.toml"
printf '[types]\nlaunch = true\n' >"$CNB_LAYERS_DIR/made.toml"
[ -e "$CNB_LAYERS_DIR/kept/tool" ] || cat tool >"$CNB_LAYERS_DIR/kept/tool"
for number in 1 2 3 4 5; do
  cat page tool >"$CNB_LAYERS_DIR/made/data/$number"
done
cat >"$CNB_LAYERS_DIR/launch.toml" <<'TOML'
[[processes]]
type = "web"
command = ["cat", "page"]
default = true
TOML
"#;

/// Makes worlds with one program.
pub(crate) struct Home {
    slipway: PathBuf,
    state: PathBuf,
}

impl Home {
    /// `state` is a state folder with base images that nobody is using. It is copied.
    pub(crate) fn new(slipway: &Path, state: &Path) -> Home {
        Home {
            slipway: slipway.to_owned(),
            state: state.to_owned(),
        }
    }

    fn build(&self, world: &Path, source: &str, name: &str, more: &[&str]) -> Result<()> {
        let output = finish(&mut self.command(world, source, name, more))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        Err(format!("preparing the world: {}: {text}", output.status).into())
    }

    /// Removes what a build leaves to a later one, which collects when enough of it has gathered; all else is the build's to remove.
    fn tidy(&self, world: &Path) -> Result<()> {
        let mut prune = slipway(&self.slipway, world);
        let output = finish(prune.args(["cache", "prune", "--keep-size", "1TB"]))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let is_done = output.status.success();
        is_done
            .then_some(())
            .ok_or_else(|| format!("tidying: {text}").into())
    }

    fn command(&self, world: &Path, source: &str, name: &str, more: &[&str]) -> Command {
        let source = world.join(source);
        let mut command = slipway(&self.slipway, world);
        command
            .arg("build")
            .arg(source)
            .args(["--offline", "-t", name]);
        command.arg("--buildpack").arg(world.join("buildpack"));
        let folder = world.to_str().unwrap_or_default();
        command.args(more.iter().map(|arg| arg.replace(WORLD, folder)));
        command
    }

    /// Builds an application under a name.
    pub(crate) fn named_build(&self, world: &Path, source: &str, name: &str) -> Command {
        self.command(world, source, &format!("rig.example/{name}"), &[])
    }

    /// Builds the application in place of the last one.
    pub(crate) fn next_build(&self, world: &Path, source: &str) -> Command {
        self.command(world, source, APP, &BUILD[7..])
    }

    /// The same whether anything has changed or not.
    pub(crate) fn thorough_build(&self, world: &Path, source: &str) -> Command {
        let mut command = self.next_build(world, source);
        command.arg("--clear-cache");
        command
    }
}

/// A program whose state folder is in a world.
pub(crate) fn slipway(program: &Path, world: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("SLIPWAY_HOME", world.join(HOME));
    command
}

impl World for Home {
    fn prepare(&self, world: &Path) -> Result<()> {
        std::fs::create_dir_all(world)?;
        world::cp(&["-a"], &self.state, &world.join(HOME))?;
        write_buildpack(&world.join("buildpack"))?;
        for (seed, source) in SOURCES.into_iter().enumerate() {
            write_source(&world.join(source), seed as u64)?;
        }
        self.build(world, "kept", "rig.example/kept", &[])?;
        self.build(world, "one", APP, &BUILD[7..])
    }

    fn shared(&self) -> &'static [&'static str] {
        &["home/downloads", "home/layers", "home/tools"]
    }

    fn state(&self, world: &Path) -> (State, Vec<String>) {
        let (mut state, mut broken) = (State::new(), Vec::new());
        world::names(&world.join(HOME).join("store"), &mut state, &mut broken);
        world::entries(&world.join(LAYOUT), &mut state, &mut broken);
        match archived(&world.join(ARCHIVE)) {
            Ok(digest) => drop(state.insert("the archive".to_owned(), digest)),
            Err(error) => broken.push(format!("the archive: {}", text(&*error))),
        }
        (state, broken)
    }

    fn residue(&self, world: &Path, expected: Option<&Listing>) -> Vec<String> {
        let mut residue = world::unexpected(self.listing(world), expected);
        residue.extend(world::tidied(&world.join(HOME).join("store")));
        residue.extend(orphans(world));
        residue
    }

    fn listing(&self, world: &Path) -> Result<Listing> {
        self.tidy(world)?;
        let (home, layers) = (Path::new(HOME), Path::new("home/layers"));
        world::listing(world, &|path| {
            // What is in unpacked layers is not looked at; which packs there are depends on how often something was collected.
            path.parent() == Some(layers) || path == home.join("store").join(PACKS)
        })
    }
}

fn archived(path: &Path) -> Result<oci::Digest> {
    let image = Archive::open(path)?.image(None)?.ok_or("it has no image")?;
    images::verify(&image)?;
    Ok(image.digest())
}

fn write_buildpack(at: &Path) -> Result<()> {
    std::fs::create_dir_all(at.join("bin"))?;
    std::fs::write(at.join("buildpack.toml"), BUILDPACK_TOML)?;
    for (name, text) in [("bin/detect", DETECT), ("bin/build", WORK)] {
        std::fs::write(at.join(name), text)?;
        std::fs::set_permissions(at.join(name), PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

/// Applications share a tool and differ in a page; both are large enough to be kept as chunks.
fn write_source(at: &Path, seed: u64) -> Result<()> {
    std::fs::create_dir_all(at)?;
    std::fs::write(at.join("tool"), oci::testing::noise(7, 300_000))?;
    std::fs::write(at.join("page"), oci::testing::noise(100 + seed, 200_000))?;
    Ok(())
}

/// Processes that still see this world although the program that was disturbed has ended.
pub(crate) fn orphans(world: &Path) -> Vec<String> {
    let begin = Instant::now();
    loop {
        let found = users_of(world);
        if found.is_empty() || begin.elapsed() > LAST_BREATH {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A sandbox has folders of the world mounted, other programs of ours name it in their command line.
fn users_of(world: &Path) -> Vec<String> {
    // Mounts are listed with their path below the file system they are on.
    let unique = world.parent().and_then(Path::file_name);
    let unique = unique.unwrap_or_default().to_string_lossy().into_owned();
    let own = std::process::id().to_string();
    let mut users = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let says = |file: &str| {
            let text = std::fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(&unique)
        };
        if says("mountinfo") || says("cmdline") {
            users.push(format!("process {pid} is left"));
        }
    }
    users
}
