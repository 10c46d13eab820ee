//! The launcher's own time up to the exec of the process it starts: it has one thread, so its CPU time is not more.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use harness::Table;

use crate::rounds::{best_of_each, milliseconds};

pub fn launcher(table: &mut Table) {
    let world = tempfile::tempdir().expect("a temporary folder");
    let launcher = world.path().join("launcher");
    std::fs::write(&launcher, LAUNCHER).expect("the launcher");
    executable(&launcher);
    std::fs::create_dir_all(world.path().join("layers/config")).expect("layers");
    std::fs::create_dir_all(world.path().join("layers/bp/one/env")).expect("a layer");
    std::fs::write(world.path().join("layers/bp/one/env/GREETING"), "hello").expect("a variable");
    std::fs::write(world.path().join("layers/config/metadata.toml"), METADATA)
        .expect("metadata.toml");
    let launched = || {
        ends_well(
            Command::new(&launcher)
                .arg0("/cnb/process/web")
                .env("CNB_PLATFORM_API", "0.12")
                .env("CNB_LAYERS_DIR", world.path().join("layers"))
                .env("CNB_APP_DIR", world.path()),
        );
    };
    let direct = || ends_well(&mut Command::new("/bin/true"));
    let (launched, direct) = best_of_each(500, launched, direct);
    table.at_most(
        "launcher: time to exec, over a bare exec",
        milliseconds(launched) - milliseconds(direct),
        1.0,
        " ms",
    );
}

fn ends_well(command: &mut Command) {
    assert!(command.status().expect("the command").success());
}

/// The launcher that the command line embeds.
const LAUNCHER: &[u8] = include_bytes!(env!("SLIPWAY_LAUNCHER"));

const METADATA: &str = r#"
[[buildpacks]]
id = "bp"
version = "1"
api = "0.10"

[[processes]]
type = "web"
command = ["/bin/true"]
direct = true
default = true
buildpack-id = "bp"
"#;

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
}
