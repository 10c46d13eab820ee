//! A small root filesystem from this machine's own programs, and ways to run something in it.
//!
//! The payload is the test program itself, at `/payload` inside; its first argument says what to do.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use sandbox::{
    Command, Exit, From, HostId, Io, Limits, Mount, Network, Root, Running, Sandbox, Stage,
};

/// Everything a test needs, in one folder that only its owner may search; gone when dropped.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) host: HostId,
}

/// What a program in a sandbox said, and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let host = HostId::current(dir.path()).unwrap();
        let world = World { dir, host };
        let lower = world.folder("lower");
        std::fs::create_dir(lower.join("etc")).unwrap();
        std::fs::write(
            lower.join("etc/passwd"),
            "cnb:x:1001:1000::/home/cnb:/bin/sh\n",
        )
        .unwrap();
        for name in ["bin", "sbin", "lib", "lib64"] {
            if let Ok(target) = std::fs::read_link(Path::new("/").join(name)) {
                std::os::unix::fs::symlink(target, lower.join(name)).unwrap();
            }
        }
        let program = world.path("payload");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        world.host.give(&lower).unwrap();
        world.host.give(&program).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A new folder that belongs to the sandboxes' id.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        self.host.give(&path).unwrap();
        path
    }

    /// Read-only, without network, all protections on.
    pub(crate) fn sandbox(&self) -> Sandbox {
        sandbox_in(self.dir.path())
    }

    /// As [`World::sandbox`], with the host's folder `name` at `/name`, writable.
    pub(crate) fn sandbox_with(&self, name: &str) -> Sandbox {
        let mut sandbox = self.sandbox();
        sandbox
            .mounts
            .push(bind(&self.folder(name), &Path::new("/").join(name), true));
        sandbox
    }

    /// Runs the payload and waits for it and all its output.
    pub(crate) fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Outcome {
        self.run_program(sandbox, &payload(args))
    }

    pub(crate) fn shell(&self, sandbox: &Sandbox, script: &str) -> Outcome {
        self.run_program(sandbox, &shell(script))
    }

    pub(crate) fn run_program(&self, sandbox: &Sandbox, command: &Command) -> Outcome {
        finish(sandbox.start(&self.host, command, Io::Pipes).unwrap())
    }
}

/// The sandbox of a world in `folder`.
pub(crate) fn sandbox_in(folder: &Path) -> Sandbox {
    let usual = ["/usr", "/bin", "/sbin", "/lib", "/lib64"].map(Path::new);
    let real = usual
        .into_iter()
        .filter(|path| path.is_dir() && !path.is_symlink());
    let mut mounts: Vec<Mount> = real.map(|path| bind(path, path, false)).collect();
    mounts.push(bind(&folder.join("payload"), Path::new("/payload"), false));
    Sandbox {
        root: Root::ReadOnly {
            lower: vec![folder.join("lower")],
        },
        mounts,
        network: Network::None,
        uid: 1001,
        gid: 1000,
        hostname: "slipway".to_owned(),
        limits: Limits::default(),
        stage: Stage::Payload,
    }
}

/// Reads all output and waits.
pub(crate) fn finish(mut running: Running) -> Outcome {
    let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
    let stderr = thread::spawn(move || text(stderr));
    let stdout = text(stdout);
    let exit = running.wait(None).unwrap();
    Outcome {
        exit,
        stdout,
        stderr: stderr.join().unwrap(),
    }
}

pub(crate) fn text(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        from.read_to_end(&mut bytes).unwrap();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn bind(from: &Path, at: &Path, writable: bool) -> Mount {
    Mount {
        from: From::Bind(from.to_owned()),
        at: at.to_owned(),
        writable,
    }
}

pub(crate) fn payload(args: &[&str]) -> Command {
    let args = ["payload"].iter().chain(args).map(OsString::from).collect();
    Command {
        program: "/payload".into(),
        args,
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        dir: "/".into(),
    }
}

pub(crate) fn shell(script: &str) -> Command {
    Command {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        dir: "/".into(),
    }
}
