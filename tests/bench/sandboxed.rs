//! What a sandbox costs over starting the same program without one.

use std::os::unix::fs::symlink;
use std::path::Path;

use sandbox::{Command, Exit, From, HostId, Io, Limits, Mount, Network, Root, Sandbox, Stage};

use harness::Table;

use crate::rounds::{best_of_each, milliseconds};

pub fn start(table: &mut Table) {
    let world = tempfile::Builder::new()
        .prefix("slipway-bench-")
        .tempdir()
        .expect("a temporary folder");
    let lower = world.path().join("lower");
    let host = HostId::current(world.path()).expect("an id for the sandbox");
    scaffold(&lower);
    let sandbox = Sandbox {
        root: Root::ReadOnly { lower: vec![lower] },
        mounts: vec![Mount {
            from: From::Bind("/usr".into()),
            at: "/usr".into(),
            writable: false,
        }],
        network: Network::None,
        uid: 1001,
        gid: 1000,
        hostname: "bench".into(),
        limits: Limits::default(),
        stage: Stage::Payload,
    };
    let command = Command {
        program: "/usr/bin/true".into(),
        args: vec![],
        env: vec![],
        dir: "/".into(),
    };
    let inside = || {
        let running = sandbox
            .start(&host, &command, Io::Pipes)
            .expect("a sandbox");
        assert_eq!(running.wait(None).expect("its end"), Exit::Code(0));
    };
    let bare = || {
        assert!(
            std::process::Command::new("/usr/bin/true")
                .status()
                .expect("true")
                .success()
        );
    };
    let (inside, bare) = best_of_each(200, inside, bare);
    table.at_most(
        "sandbox: start and end, over a bare exec",
        milliseconds(inside) - milliseconds(bare),
        5.0,
        " ms",
    );
}

/// A root whose programs are the host's.
fn scaffold(lower: &Path) {
    std::fs::create_dir_all(lower.join("usr")).expect("a folder");
    for name in ["bin", "lib", "lib64", "sbin"] {
        symlink(format!("usr/{name}"), lower.join(name)).expect("a link");
    }
    open_up(lower);
}

/// Temporary folders are private; as root the sandbox becomes somebody else.
fn open_up(lower: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for folder in [lower, lower.parent().expect("the world")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    }
}
