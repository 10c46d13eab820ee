//! Other programs take our archives and the container in them answers.
//!
//! docker, podman and containerd need root here; all are given folders of their own and end with the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Child, World, free_port, is_root, program, run, skip, wait_for};

use crate::shop::{LAUNCHER, build, shared_world};

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

/// dockerd leaves the network namespace of its containers mounted, and containerd what it was asked to mount.
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

/// containerd computes the diff id of every layer while it unpacks it, and refuses one that is not what the config says.
#[test]
fn containerd_imports_both_archives_and_unpacks_them_to_their_diff_ids() {
    let (Some(containerd), Some(ctr)) = (program("containerd"), program("ctr")) else {
        return;
    };
    if !is_root() {
        return skip("containerd needs root");
    }
    let world = built();
    let path = |relative: &str| world.path(relative).display().to_string();
    let (config, socket) = (path("containerd.toml"), path("containerd.sock"));
    let settings = format!(
        "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[ttrpc]\naddress = \"{}\"\n",
        path("containerd.ttrpc")
    );
    std::fs::write(&config, settings).expect("containerd's settings");
    let _daemon = Child::start(
        Command::new(containerd)
            .args(["--config", &config, "--address", &socket])
            .args([
                "--root",
                &path("containerd"),
                "--state",
                &path("containerd-run"),
            ])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null()),
    );
    let ctr = |args: &[&str]| run(Command::new(&ctr).args(["--address", &socket]).args(args));
    until("containerd answers", || ctr(&["version"]).code == Some(0));
    // What copies a folder for every layer is slow, and works where there are no overlays.
    let plugins = ctr(&["plugins", "list"]).success().stdout;
    let is_overlay = |line: &str| line.contains(" overlayfs ") && line.trim().ends_with("ok");
    let snapshotter = if plugins.lines().any(is_overlay) {
        "overlayfs"
    } else {
        "native"
    };
    let import = ["images", "import", "--snapshotter", snapshotter];
    let mount = ["images", "mount", "--snapshotter", snapshotter];
    for form in ["docker-archive", "oci-archive"] {
        let archive = save(&world, form, &format!("{form}.tar"));
        ctr(&[&import[..], &[&archive]].concat()).success();
        let names = ctr(&["images", "list", "-q"]).success().stdout;
        let name = names.lines().find(|name| name.contains("hello"));
        let name = name.unwrap_or_else(|| panic!("not imported: {names}"));
        let rootfs = path(&format!("{form}-rootfs"));
        std::fs::create_dir(&rootfs).expect("a folder to mount at");
        ctr(&[&mount[..], &[name, &rootfs]].concat()).success();
        let unmounted = Unmounted(rootfs.clone().into());
        let unpacked = |path: &str| std::fs::read(Path::new(&rootfs).join(path)).ok();
        let source = world.path(NAME).join("requirements.txt");
        assert_eq!(
            unpacked("workspace/requirements.txt"),
            std::fs::read(source).ok()
        );
        assert!(unpacked("cnb/lifecycle/launcher").is_some_and(|bytes| bytes == LAUNCHER));
        drop(unmounted);
        ctr(&["images", "remove", "--sync", name]).success();
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
