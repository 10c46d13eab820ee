//! Promises about what a program of the caller's own sees of layers, and what it leaves.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use sandbox::{Command, ErrorKind, Exit, View};

use crate::Promise;
use crate::world::World;

pub(crate) const PROMISES: &[Promise] = &[
    (
        "a view shows layers through one another, read-only, at its place",
        layers,
    ),
    ("120 layers can be viewed", many_layers),
    ("a view is for its program alone and gone with it", alone),
    (
        "the program of a view is the caller's own, on the machine as it is",
        own_program,
    ),
    ("exit codes and signals of a view's program arrive", exits),
    (
        "a program that does not exist is told apart, and nothing stays",
        no_program,
    ),
];

/// Runs a script of the caller's shell in the view; its output and its end.
fn look(world: &World, lower: Vec<PathBuf>, script: &str) -> (String, Exit) {
    let out = world.path("out");
    let viewer = view(world, lower)
        .start(&shell(
            world,
            &format!("exec >'{}' 2>&1; {script}", out.display()),
        ))
        .unwrap();
    let exit = viewer.wait().unwrap();
    (std::fs::read_to_string(out).unwrap(), exit)
}

fn view(world: &World, lower: Vec<PathBuf>) -> View {
    let at = world.path("seen");
    std::fs::create_dir_all(&at).unwrap();
    View { lower, at }
}

fn shell(world: &World, script: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap();
    Command {
        program: "sh".into(),
        args: ["-c", script].map(OsString::from).into(),
        env: vec![("PATH".into(), path)],
        dir: world.path("seen"),
    }
}

fn two_layers(world: &World) -> Vec<PathBuf> {
    let (upper, lower) = (world.folder("upper-layer"), world.folder("lower-layer"));
    std::fs::write(upper.join("both"), "upper").unwrap();
    for name in ["both", "kept", "deleted"] {
        std::fs::write(lower.join(name), "lower").unwrap();
    }
    let dir = files::Dir::open(&upper).unwrap();
    dir.whiteout(Path::new("deleted")).unwrap();
    for layer in [&upper, &lower] {
        world.host.give(layer).unwrap();
    }
    vec![upper, lower]
}

fn layers(world: &World) {
    let (said, exit) = look(
        world,
        two_layers(world),
        "pwd; ls; cat both kept; echo; touch new; rm both",
    );
    let place = world.path("seen").display().to_string();
    assert!(
        said.starts_with(&format!("{place}\nboth\nkept\nupperlower\n")),
        "{said}"
    );
    assert_eq!(said.matches("Read-only file system").count(), 2, "{said}");
    assert_eq!(exit, Exit::Code(1));
}

fn many_layers(world: &World) {
    let layers = (0..120).map(|number| {
        let layer = world.folder(&format!("layer-{number}"));
        std::fs::write(layer.join(format!("file-{number}")), "").unwrap();
        layer
    });
    let (said, _) = look(world, layers.collect(), "ls | wc -l");
    assert_eq!(said, "120\n");
}

fn alone(world: &World) {
    let layers = two_layers(world);
    let script = "touch ../begun; while ! test -e ../end; do sleep 0.02; done; ls";
    let out = world.path("out");
    let script = format!("exec >'{}' 2>&1; {script}", out.display());
    let viewer = view(world, layers).start(&shell(world, &script)).unwrap();
    while !world.path("begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let empty = |path: &Path| std::fs::read_dir(path).unwrap().next().is_none();
    assert!(empty(&world.path("seen")), "nobody else sees it");
    std::fs::write(world.path("end"), "").unwrap();
    assert_eq!(viewer.wait().unwrap(), Exit::Code(0));
    let said = std::fs::read_to_string(out).unwrap();
    assert!(said.ends_with("both\nkept\n"), "the program saw it: {said}");
    std::fs::remove_dir(world.path("seen")).unwrap();
}

fn own_program(world: &World) {
    let (said, _) = look(
        world,
        vec![world.path("lower")],
        "id -u; grep -c . /etc/passwd; ls /proc/self/fd | wc -l; ls -d /tmp; grep CapEff /proc/self/status",
    );
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let lines = passwd.lines().filter(|line| !line.is_empty()).count();
    let uid = geteuid().as_raw();
    assert!(
        // Three streams, and the folder that `ls` reads.
        said.starts_with(&format!("{uid}\n{lines}\n4\n/tmp\n")),
        "{said}"
    );
    if !geteuid().is_root() {
        assert!(said.ends_with("CapEff:\t0000000000000000\n"), "{said}");
    }
}

fn exits(world: &World) {
    let exit = |script: &str| look(world, vec![world.path("lower")], script).1;
    assert_eq!(exit("exit 7"), Exit::Code(7));
    assert_eq!(exit("kill -9 $$"), Exit::Signal(9));
    let viewer = view(world, vec![world.path("lower")])
        .start(&shell(world, "sleep 60 & wait"))
        .unwrap();
    viewer.signal(15).unwrap();
    assert_eq!(viewer.wait().unwrap(), Exit::Signal(15));
    viewer.signal(15).unwrap();
}

fn no_program(world: &World) {
    let mut command = shell(world, "");
    command.program = "no-such-program".into();
    let error = view(world, vec![world.path("lower")])
        .start(&command)
        .unwrap_err();
    // A folder of PATH that may not be searched is told rather than the absence, as by a shell.
    let kind = error.kind();
    assert!(
        matches!(kind, ErrorKind::Exec { errno: 2 | 13 }),
        "{kind:?}"
    );
    let absent = view(world, vec![world.path("absent")]).start(&shell(world, ""));
    assert_eq!(*absent.unwrap_err().kind(), ErrorKind::Missing);
}
