//! A docker daemon of our own, with our base images in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Child, program, repository, run};
use oci::archive::{self, Format};
use oci::{Images, Local, Reference};

use crate::world::World;

/// Ends, with everything it made, when the value goes away.
pub(crate) struct Docker {
    client: PathBuf,
    socket: String,
    namespace: PathBuf,
    _daemon: Child,
}

impl Docker {
    pub(crate) fn start(world: &World) -> Docker {
        let dockerd = program("dockerd").expect("looked for before");
        let socket = format!("unix://{}", world.path("docker.sock").display());
        let mut command = Command::new(dockerd);
        command
            .args([
                "--iptables=false",
                "--ip6tables=false",
                "--bridge=none",
                "-H",
                &socket,
            ])
            .arg("--data-root")
            .arg(world.path("docker"))
            .arg("--exec-root")
            .arg(world.path("docker-run"))
            .arg("--pidfile")
            .arg(world.path("docker.pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let docker = Docker {
            client: client(),
            socket,
            namespace: world.path("docker-run/netns/default"),
            _daemon: Child::start(&mut command),
        };
        let start = Instant::now();
        while run(&mut docker.command(&["version"])).code != Some(0) {
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "dockerd does not answer"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        docker
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.client);
        command
            .env("DOCKER_BUILDKIT", "1")
            .args(["-H", &self.socket])
            .args(args);
        command
    }

    /// The line that builds `folder` with the Dockerfile of this name as `tag`.
    pub(crate) fn build(&self, dockerfile: &str, folder: &Path, tag: &str) -> String {
        let file = repository().join("tests/beside/docker").join(dockerfile);
        format!(
            "env DOCKER_BUILDKIT=1 {} -H {} build -q --network=none -f {} -t {tag} {}",
            self.client.display(),
            self.socket,
            file.display(),
            folder.display()
        )
    }

    /// Loads the base images that our own builds stand on, as `slipway-<image>`.
    pub(crate) fn take_bases(&self, world: &World) {
        let store = Local::open(&world.state().join("store")).expect("our store");
        for named in store.list().expect("its images") {
            let path = named.name.repository().path();
            let Some((_, short)) = path.rsplit_once("trixie-") else {
                continue;
            };
            let image = store
                .find(&named.name)
                .expect("a base")
                .expect("it is there");
            let name = Reference::parse(&format!("docker.io/library/slipway-{short}:latest"));
            let file = world.path(short);
            let names = [name.expect("a name")];
            archive::write_file(&image, &names, Format::Docker, &file).expect("an archive");
            let file = file.to_str().expect("UTF-8");
            run(&mut self.command(&["load", "-q", "-i", file])).success();
        }
    }

    /// Makes the image `tools`: uv and the wheels.
    pub(crate) fn make_tools(&self, world: &World) {
        let line = self.build("tools.Dockerfile", world.downloads(), "tools");
        run(Command::new("sh").args(["-c", &line])).success();
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        run(Command::new("umount").arg(&self.namespace));
    }
}

/// Debian's client has BuildKit's side in it; others need a plugin for it.
fn client() -> PathBuf {
    let debian = PathBuf::from("/usr/bin/docker");
    if debian.is_file() {
        return debian;
    }
    program("docker").expect("docker comes with dockerd")
}
