//! Other programs take our archives and the container in them answers.
//!
//! docker and podman need root here; both are given folders of their own and end with the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Child, World, free_port, is_root, program, run, skip, wait_for};

use crate::shop::{build, shared_world};

const NAME: &str = "hello";

fn built() -> World {
    let world = shared_world();
    build(&world, "python-requirements", NAME, &[]);
    world
}

fn save(world: &World, form: &str, file: &str) -> String {
    let file = world.path(file).to_str().expect("UTF-8").to_owned();
    world
        .run(&["image", "save", NAME, "--format", form, "-o", &file])
        .success();
    file
}

/// dockerd leaves the network namespace of its containers mounted.
struct Unmounted(PathBuf);

impl Drop for Unmounted {
    fn drop(&mut self) {
        run(Command::new("umount").arg(&self.0));
    }
}

#[test]
fn docker_loads_the_archive_and_the_container_answers() {
    let (Some(dockerd), Some(docker)) = (program("dockerd"), program("docker")) else {
        return;
    };
    if !is_root() {
        return skip("dockerd needs root");
    }
    let world = built();
    let archive = save(&world, "docker-archive", "hello.tar");
    let socket = format!("unix://{}", world.path("docker.sock").display());
    let _unmounted = Unmounted(world.path("docker-run/netns/default"));
    let _daemon = Child::start(
        Command::new(dockerd)
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
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null()),
    );
    let docker = |args: &[&str]| run(Command::new(&docker).args(["-H", &socket]).args(args));
    until("dockerd answers", || docker(&["version"]).code == Some(0));
    let loaded = docker(&["load", "-i", &archive]).success().stdout;
    assert!(
        loaded.contains("localhost/hello:latest") || loaded.contains("hello:latest"),
        "{loaded}"
    );
    let name = loaded
        .trim()
        .rsplit("Loaded image: ")
        .next()
        .expect("a name")
        .to_owned();
    let port = free_port();
    let container = docker(&[
        "run",
        "-d",
        "--network",
        "host",
        "-e",
        &format!("PORT={port}"),
        &name,
    ])
    .success()
    .stdout;
    assert_answers(port);
    docker(&["rm", "-f", container.trim()]).success();
}

#[test]
fn podman_loads_both_archives_and_the_container_answers() {
    let Some(podman) = program("podman") else {
        return;
    };
    if !is_root() {
        return skip("podman is tried as root, with folders of its own");
    }
    let world = built();
    let podman = |args: &[&str]| {
        run(Command::new(&podman)
            .arg("--root")
            .arg(world.path("podman"))
            .arg("--runroot")
            .arg(world.path("podman-run"))
            .args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"])
            .args(args))
    };
    for form in ["docker-archive", "oci-archive"] {
        let archive = save(&world, form, &format!("{form}.tar"));
        let loaded = podman(&["load", "-i", &archive]).success().stdout;
        let name = loaded
            .trim()
            .rsplit(": ")
            .next()
            .expect("a name")
            .to_owned();
        let port = free_port();
        let container = podman(&[
            "run",
            "-d",
            "--network",
            "host",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1000:1000",
            "-e",
            &format!("PORT={port}"),
            &name,
        ])
        .success()
        .stdout;
        assert_answers(port);
        podman(&["rm", "-f", "-t", "0", container.trim()]).success();
        podman(&["rmi", "-f", &name]).success();
    }
}

#[test]
fn skopeo_copies_every_form_and_sees_the_same_image() {
    let Some(skopeo) = program("skopeo") else {
        return;
    };
    let world = built();
    let layout = world.path("layout").display().to_string();
    let skopeo = |args: &[&str]| run(Command::new(&skopeo).args(args));
    for form in ["docker-archive", "oci-archive"] {
        let archive = save(&world, form, &format!("{form}.tar"));
        let to = format!("oci:{layout}:{form}");
        skopeo(&[
            "--insecure-policy",
            "copy",
            &format!("{form}:{archive}"),
            &to,
        ])
        .success();
        let config = skopeo(&["inspect", "--config", &to]).success().stdout;
        assert!(
            config.contains("io.buildpacks.lifecycle.metadata"),
            "{config}"
        );
    }
}

#[test]
fn umoci_unpacks_the_layout() {
    let Some(umoci) = program("umoci") else {
        return;
    };
    let world = shared_world();
    let layout = world.path("layout").display().to_string();
    build(
        &world,
        "python-requirements",
        NAME,
        &["-o", &format!("oci:{layout}")],
    );
    let bundle = world.path("bundle");
    let rootless: &[&str] = if is_root() { &[] } else { &["--rootless"] };
    let tags = run(Command::new(&umoci).args(["ls", "--layout", &layout]))
        .success()
        .stdout;
    let image = format!("{layout}:{}", tags.trim());
    run(Command::new(&umoci)
        .arg("unpack")
        .args(rootless)
        .args(["--image", &image])
        .arg(&bundle))
    .success();
    for path in [
        "rootfs/cnb/lifecycle/launcher",
        "rootfs/workspace/requirements.txt",
        "rootfs/usr/bin/python3.13",
    ] {
        assert!(Path::new(&bundle).join(path).is_file(), "{path} is missing");
    }
}

fn assert_answers(port: u16) {
    let answer =
        wait_for(port, "/", Duration::from_mins(1)).expect("the container answers within a minute");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{what}: not within a minute"
        );
        std::thread::sleep(Duration::from_millis(300));
    }
}
