//! Promises about a buildpack's own sandbox inside the agent's.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use sandbox::{Exit, From, Io, Sandbox, Stage};

use crate::Promise;
use crate::world::{World, bind, finish, payload};

pub(crate) const PROMISES: &[Promise] = &[
    (
        "a buildpack writes its own layers and no others",
        own_layers,
    ),
    (
        "a buildpack changes its layers of an overlay and no others",
        overlay_layers,
    ),
    (
        "a buildpack sees neither the agent nor the job",
        sees_nothing,
    ),
    ("a buildpack has no rights and can get none", no_rights),
    (
        "what a buildpack leaves behind dies with it",
        leaves_nothing,
    ),
    ("buildpacks run side by side", side_by_side),
    ("how a buildpack ends is told", ends),
    (
        "a terminated phase terminates its buildpacks first",
        terminated,
    ),
];

fn sandbox(world: &World) -> Sandbox {
    let mut sandbox = world.sandbox();
    sandbox.stage = Stage::Agent;
    for name in ["layers", "workspace", "slipway"] {
        sandbox.mounts.push(bind(
            &world.folder(name),
            &std::path::Path::new("/").join(name),
            true,
        ));
    }
    std::fs::create_dir_all(world.path("workspace/secret/file")).unwrap();
    for bp in ["one", "two"] {
        world.folder(&format!("layers/{bp}"));
    }
    sandbox
}

fn nested(world: &World, scripts: &[&str]) -> String {
    let args = [&["nested", "one"], scripts].concat();
    let outcome = world.run(&sandbox(world), &args);
    assert_eq!((outcome.exit, outcome.stderr.as_str()), (Exit::Code(0), ""));
    outcome.stdout
}

fn check(world: &World, script: &str, expected: &str) {
    assert_eq!(
        nested(world, &[script]),
        format!("{expected}Code(0)\n"),
        "{script}"
    );
}

fn own_layers(world: &World) {
    let script = "for d in /layers /layers/one /layers/two /workspace /tmp /dev/shm /cnb /usr; do \
        echo x 2>/dev/null > $d/x && echo $d; done; mv /layers/one/x /layers/one/y; ls /layers; true";
    check(
        world,
        script,
        "/layers/one\n/workspace\n/tmp\n/dev/shm\none\ntwo\n",
    );
    assert!(world.path("layers/one/y").exists());
    assert!(!world.path("layers/two/x").exists());
}

fn overlay_layers(world: &World) {
    let mut sandbox = sandbox(world);
    for file in ["one/layer/old", "one/layer/dir/old", "two/layer/old"] {
        let file = world.path("kept").join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "old\n").unwrap();
    }
    let layers = sandbox
        .mounts
        .iter_mut()
        .find(|mount| mount.at.ends_with("layers"));
    layers.unwrap().from = From::Overlay {
        lower: vec![world.folder("kept")],
        upper: world.folder("layers"),
        work: world.folder("layers-work"),
    };
    world.host.give(world.dir.path()).unwrap();
    let script = "cd /layers/one; echo new > layer/old; mv layer/dir/old layer/dir/new; cat layer/old layer/dir/*; \
        rm -r layer && mkdir layer && ls layer; cat /layers/two/layer/old; \
        for f in /layers/two/layer/old /layers/two/new /layers/new; do echo x 2>/dev/null > $f && echo $f; done; true";
    let outcome = world.run(&sandbox, &["nested", "one", script]);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("new\nold\nold\nCode(0)\n", "")
    );
    let kept = |file: &str| std::fs::read_to_string(world.path("kept").join(file)).unwrap();
    assert_eq!(kept("one/layer/old"), "old\n");
    assert_eq!(kept("one/layer/dir/old"), "old\n");
    let upper = files::Dir::open(&world.path("layers")).unwrap();
    assert!(upper.is_opaque(std::path::Path::new("one/layer")).unwrap());
    assert!(!world.path("layers/two/layer").exists());
}

fn sees_nothing(world: &World) {
    // The listing's own descriptor is 3; the agent's pipe for events is not there.
    let command = payload(&["nested", "one", "echo $(ls /proc/self/fd)"]);
    let running = sandbox(world).start(&world.host, &command, Io::Agent);
    assert_eq!(finish(running.unwrap()).stdout, "0 1 2 3\nCode(0)\n");
    std::fs::write(world.path("lower/etc/slipway"), "").unwrap();
    check(
        world,
        "ls /slipway /workspace/secret | wc -w; wc -c < /etc/passwd; echo /proc/[0-9]*; ls /proc/1/root 2>&1 | tail -c 18",
        "2\n0\n/proc/1 /proc/2\nPermission denied\n",
    );
    check(
        world,
        "cat /proc/interrupts /proc/keys; (echo > /proc/sys/kernel/hostname) 2>&1 | tail -c 22",
        "Read-only file system\n",
    );
}

fn no_rights(world: &World) {
    check(
        world,
        "id -u; id -g; grep -hE '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t\\n'",
        "1001\n1000\nCapEff:0000000000000000CapBnd:0000000000000000NoNewPrivs:1Seccomp:2",
    );
    check(
        world,
        "unshare -U true 2>/dev/null || umount /proc 2>/dev/null || echo no; cat /proc/sys/user/max_user_namespaces",
        "no\n0\n",
    );
    check(
        world,
        "grep processes /proc/self/limits | tr -s ' ' | cut -d' ' -f3,4",
        "32 32\n",
    );
}

fn leaves_nothing(world: &World) {
    let script = "trap '' TERM HUP; (while :; do sleep 1; done) & echo started";
    let started = Instant::now();
    check(world, script, "started\n");
    assert!(started.elapsed() < Duration::from_secs(5));
}

fn side_by_side(world: &World) {
    let scripts: Vec<String> = (0..8)
        .map(|number| format!("sleep 0.2; echo {number}"))
        .collect();
    let scripts: Vec<&str> = scripts.iter().map(String::as_str).collect();
    let expected = ["0", "1", "2", "3", "4", "5", "6", "7", ""].join("\nCode(0)\n");
    assert_eq!(nested(world, &scripts), expected);
}

fn ends(world: &World) {
    assert_eq!(nested(world, &["echo out; exit 100"]), "out\nCode(100)\n");
    assert_eq!(
        nested(world, &["echo err >&2; kill -9 $$"]),
        "!err\nSignal(9)\n"
    );
}

fn terminated(world: &World) {
    let script = "trap 'echo stopping > /layers/one/said; exit 7' TERM; echo ready > /layers/one/ready; \
        while :; do sleep 0.05; done";
    let command = payload(&["nested", "one", script]);
    let mut running = sandbox(world)
        .start(&world.host, &command, Io::Agent)
        .unwrap();
    let started = Instant::now();
    while !world.path("layers/one/ready").exists() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the buildpack starts"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(
        running.terminate().unwrap(),
        Exit::Code(0),
        "the agent itself ends as it wants"
    );
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "without SIGKILL"
    );
    assert_eq!(
        std::fs::read_to_string(world.path("layers/one/said")).unwrap(),
        "stopping\n"
    );
    let mut said = String::new();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    stdout.read_line(&mut said).unwrap();
    stdout.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("Code(7)\n"), "{said}");
}
