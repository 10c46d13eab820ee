//! The launcher's own CPU time up to the exec of the process it starts.

use std::path::Path;
use std::process::Command;

use crate::table::Table;

/// On-CPU nanoseconds of a task survive exec, so the started process tells what the launcher used.
const TELL: &str = "/proc/self/schedstat";

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
    let direct = || cpu(Command::new("/bin/cat").arg(TELL));
    let launched = || {
        cpu(Command::new(&launcher)
            .env("CNB_PLATFORM_API", "0.12")
            .env("CNB_LAYERS_DIR", world.path().join("layers"))
            .env("CNB_APP_DIR", world.path()))
    };
    let (mut bare, mut through) = (f64::MAX, f64::MAX);
    for _ in 0..50 {
        bare = bare.min(direct());
        through = through.min(launched());
    }
    table.at_most(
        "launcher: CPU time to exec, over a bare exec",
        through - bare,
        1.0,
        " ms",
    );
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
command = ["/bin/cat", "/proc/self/schedstat"]
direct = true
default = true
buildpack-id = "bp"
"#;

/// Milliseconds on a CPU that a command used up to its answer.
fn cpu(command: &mut Command) -> f64 {
    let output = command
        .env("CNB_PROCESS_TYPE", "")
        .output()
        .expect("the command");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let nanoseconds: f64 = text
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| {
            panic!(
                "no schedstat in {text:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
    nanoseconds / 1e6
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
}
