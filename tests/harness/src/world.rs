//! A temporary world: a folder that holds a state folder and sources, and children that end with it.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::{ORDINARY, Outcome, run};

/// A folder of its own for one test, with a copy of the program under test and its state folder.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    slipway: PathBuf,
    user: Option<u32>,
    state: PathBuf,
}

impl World {
    /// A world of the calling user around the binary `slipway` (`env!("CARGO_BIN_EXE_slipway")`).
    pub fn new(slipway: &str) -> World {
        World::of(slipway, None)
    }

    /// A world of an ordinary user; the caller must be root.
    pub fn ordinary(slipway: &str) -> World {
        World::of(slipway, Some(ORDINARY))
    }

    fn of(program: &str, user: Option<u32>) -> World {
        let folder = tempfile::Builder::new()
            .prefix("slipway-test-")
            .tempdir()
            .expect("a temporary folder");
        let (slipway, state) = (
            folder.path().join("bin/slipway"),
            folder.path().join("home/slipway"),
        );
        let world = World {
            folder,
            slipway,
            user,
            state,
        };
        std::fs::create_dir(world.path("bin")).expect("bin");
        std::fs::hard_link(program, &world.slipway)
            .or_else(|_| std::fs::copy(program, &world.slipway).map(drop))
            .expect("the program under test");
        std::fs::create_dir(world.path("home")).expect("home");
        world.give(&world.path(""));
        world.give(&world.path("home"));
        world
    }

    /// A path of this world.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Gives a path to the world's user.
    pub fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            std::os::unix::fs::chown(path, Some(user), Some(user)).expect("chown as root");
        }
    }

    /// Copies a folder of the repository into this world and gives it to the world's user.
    pub fn copy(&self, from: &Path, to: &str) -> PathBuf {
        let target = self.path(to);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).expect("parents of a copy");
        }
        run(Command::new("cp").arg("-r").arg(from).arg(&target)).success();
        if let Some(user) = self.user {
            run(Command::new("chown")
                .arg("-R")
                .arg(format!("{user}:{user}"))
                .arg(&target))
            .success();
        }
        target
    }

    /// The folder that `SLIPWAY_HOME` names.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// This world with a state folder that outlives it and that others may use at the same time.
    pub fn with_state(self, state: PathBuf) -> World {
        World { state, ..self }
    }

    /// This world with the downloads of another state folder in its own, so that tests fetch them once per machine.
    ///
    /// Downloads are kept by digest and checked when they are used, so sharing them shares nothing else.
    pub fn with_downloads_of(self, state: &Path) -> World {
        std::fs::create_dir_all(&self.state).expect("the state folder");
        run(Command::new("cp")
            .arg("-r")
            .arg(state.join("downloads"))
            .arg(&self.state))
        .success();
        if let Some(user) = self.user {
            run(Command::new("chown")
                .arg("-R")
                .arg(format!("{user}:{user}"))
                .arg(&self.state))
            .success();
        }
        self
    }

    /// The command `slipway …` of this world, not started; its state folder is the world's.
    pub fn slipway(&self, args: &[&str]) -> Command {
        let mut command = self.settled(Command::new(&self.slipway));
        command.args(args);
        command
    }

    /// The same started by a line of shell, which ends with `exec "$@"`.
    pub fn slipway_by_shell(&self, line: &str, args: &[&str]) -> Command {
        let mut command = self.settled(Command::new("sh"));
        command
            .args(["-c", line, "sh"])
            .arg(&self.slipway)
            .args(args);
        command
    }

    fn settled(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env("HOME", self.path("home"))
            .env("SLIPWAY_HOME", &self.state);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Runs `slipway …` to its end.
    pub fn run(&self, args: &[&str]) -> Outcome {
        run(&mut self.slipway(args))
    }
}

/// A child that ends, with its process group, when the value goes away.
#[derive(Debug)]
pub struct Child(std::process::Child);

impl Child {
    /// Starts a command in a process group of its own.
    pub fn start(command: &mut Command) -> Child {
        match command.process_group(0).spawn() {
            Ok(child) => Child(child),
            Err(error) => panic!("starting {command:?}: {error}"),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Sends a signal to the child alone and waits for its end.
    pub fn end_with(mut self, signal: Signal) -> Option<i32> {
        kill_process(self.pid(), signal).expect("the child lives");
        self.0.wait().expect("waiting for a child").code()
    }

    /// The status when it has ended by itself already.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.0.try_wait().expect("asking for a child")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process_group(self.pid(), Signal::TERM);
            std::thread::sleep(std::time::Duration::from_millis(300));
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// A port of loopback that nobody uses at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The top folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}
