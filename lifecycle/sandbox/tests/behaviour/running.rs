//! Promises about a program's life: streams, exit, signals, time, and the errors of its start.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use sandbox::{Command, ErrorKind, Exit, HostId, Io, Stage};

use crate::Promise;
use crate::world::{self, World, finish, payload, shell, text};

pub(crate) const PROMISES: &[Promise] = &[
    ("exit codes and signals are the program's own", exits),
    ("a program that cannot start says why", cannot_start),
    ("output is complete, however much", much_output),
    ("events of an agent come on descriptor 3", events),
    (
        "with inherited streams the program reads and writes the caller's",
        inherited,
    ),
    ("a signal reaches the program's group", signals),
    ("after the time the program may end by itself", time_is_over),
    ("a dropped sandbox dies at once", dropped),
    ("sandboxes run side by side", side_by_side),
    ("zombies are buried", zombies),
    (
        "what is refused is unavailable, with errno, knob and fix",
        unavailable,
    ),
    (
        "the probe finds all it needs here, and says what is refused elsewhere",
        probing,
    ),
];

fn exit_of(world: &World, script: &str) -> Exit {
    world.shell(&world.sandbox(), script).exit
}

fn exits(world: &World) {
    assert_eq!(exit_of(world, "exit 0"), Exit::Code(0));
    assert_eq!(exit_of(world, "exit 42"), Exit::Code(42));
    assert_eq!(exit_of(world, "exit 255"), Exit::Code(255));
    assert_eq!(exit_of(world, "kill -9 $$"), Exit::Signal(9));
    assert_eq!(exit_of(world, "kill -SEGV $$"), Exit::Signal(11));
    // Nobody inside can pretend to be the helper by killing process 1.
    assert_eq!(
        exit_of(world, "kill -9 1 2>/dev/null; exit 3"),
        Exit::Code(3)
    );
}

fn cannot_start(world: &World) {
    let check = |program: &str, errno| {
        let command = Command {
            program: program.into(),
            ..shell("")
        };
        let error = world
            .sandbox()
            .start(&world.host, &command, Io::Pipes)
            .unwrap_err();
        assert_eq!(
            error.kind(),
            &ErrorKind::Exec { errno },
            "{program}: {error}"
        );
        assert!(error.to_string().contains(program), "{error}");
    };
    check("/absent", libc::ENOENT);
    check("/etc/passwd", libc::EACCES);
    check("/usr", libc::EACCES);
    let script = world.path("lower/no-interpreter");
    std::fs::write(&script, "echo hello").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.host.give(&script).unwrap();
    check("/no-interpreter", libc::ENOEXEC);
    let command = Command {
        dir: "/absent".into(),
        ..shell("")
    };
    let error = world
        .sandbox()
        .start(&world.host, &command, Io::Pipes)
        .unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Missing);
}

fn much_output(world: &World) {
    let outcome = world.shell(
        &world.sandbox(),
        "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2",
    );
    assert_eq!(
        (outcome.stdout.len(), outcome.stderr.len()),
        (3_000_000, 2_000_000)
    );
}

fn events(world: &World) {
    let mut sandbox = world.sandbox();
    sandbox.stage = Stage::Agent;
    let script = "echo event >&3; echo out; echo err >&2; id -u; cat; ls /proc/self/fd | wc -l";
    let mut running = sandbox
        .start(&world.host, &shell(script), Io::Agent)
        .unwrap();
    let events = text(running.events.take());
    let outcome = finish(running);
    assert_eq!(events, "event\n");
    // 0 to 3 and the listing's own.
    assert_eq!(outcome.stdout, "out\n0\n5\n");
    assert_eq!(outcome.stderr, "err\n");
    let mut running = sandbox
        .start(&world.host, &payload(&["events"]), Io::Agent)
        .unwrap();
    assert_eq!(text(running.events.take()), "event\n");
    let outcome = world.run(&sandbox, &["no-events"]);
    assert_eq!(
        outcome.stdout,
        "taking the events pipe, file descriptor 3\n"
    );
}

fn inherited(world: &World) {
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["host", world.dir.path().to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    host.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = host.wait_with_output().unwrap();
    let said =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(
        said,
        ["read typed, group leader\n".to_owned(), "told\n".to_owned()]
    );
    assert_eq!(output.status.code(), Some(5));
}

/// A caller whose streams the program inherits.
pub(crate) fn host(folder: &str) -> ExitCode {
    let host = HostId::current(Path::new(folder)).unwrap();
    let script = "read line; echo read $line, $(test $$ = $(ps -o sid= -p $$) && echo group leader); echo told >&2; exit 5";
    let sandbox = world::sandbox_in(Path::new(folder));
    let running = sandbox.start(&host, &shell(script), Io::Inherit).unwrap();
    match running.wait(None).unwrap() {
        Exit::Code(code) => ExitCode::from(u8::try_from(code).unwrap()),
        Exit::Signal(_) => ExitCode::FAILURE,
    }
}

const PATIENT: &str =
    "trap 'echo got it; exit 7' TERM USR1; echo ready; while :; do sleep 0.05; done";

fn signals(world: &World) {
    let mut running = world
        .sandbox()
        .start(&world.host, &shell(PATIENT), Io::Pipes)
        .unwrap();
    let mut stdout = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    running.signal(libc::SIGUSR1).unwrap();
    assert_eq!(running.wait(None).unwrap(), Exit::Code(7));
    stdout.read_to_string(&mut line).unwrap();
    assert_eq!(line, "ready\ngot it\n");
    running.signal(libc::SIGUSR1).unwrap();
    assert_eq!(
        running.wait(None).unwrap(),
        Exit::Code(7),
        "asking again is fine"
    );
}

fn time_is_over(world: &World) {
    let started = Instant::now();
    let running = world
        .sandbox()
        .start(&world.host, &shell(PATIENT), Io::Pipes)
        .unwrap();
    let error = running.wait(Some(Duration::from_millis(200))).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::TimedOut);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "no need for SIGKILL"
    );
    let running = world
        .sandbox()
        .start(&world.host, &shell(PATIENT), Io::Pipes)
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(running.terminate().unwrap(), Exit::Code(7));
}

fn dropped(world: &World) {
    let script = "trap '' TERM; while :; do sleep 1; done";
    let mut running = world
        .sandbox()
        .start(&world.host, &shell(script), Io::Pipes)
        .unwrap();
    let stdout = running.stdout.take();
    let started = Instant::now();
    drop(running);
    assert_eq!(text(stdout), "");
    assert!(started.elapsed() < Duration::from_secs(2));
}

fn side_by_side(world: &World) {
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let outcome = world.shell(&world.sandbox(), &format!("sleep 0.1; echo {number}"));
                assert_eq!(outcome.stdout, format!("{number}\n"));
            });
        }
    });
}

fn zombies(world: &World) {
    let script = "for i in 1 2 3; do (sleep 0.05 &) ; done; sleep 0.3; ls -d /proc/[0-9]* | wc -l";
    // Process 1, the shell, ls, wc.
    assert_eq!(world.shell(&world.sandbox(), script).stdout, "4\n");
}

fn unavailable(world: &World) {
    let outcome = world.run(&world.sandbox(), &["start"]);
    let expected = "1 user.max_user_namespaces: sudo sysctl -w user.max_user_namespaces=15000\n";
    assert_eq!(outcome.stdout, expected, "{}", outcome.stderr);
}

fn probing(world: &World) {
    let report = sandbox::probe::probe(&world.host);
    assert!(report.usable(), "{report:#?}");
    assert!(report.rows.len() >= 9, "{report:#?}");
    let outcome = world.run_program(&world.sandbox(), &payload(&["probe"]));
    assert!(
        outcome
            .stdout
            .starts_with("usable false\nuser namespace Refused "),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("(os error 1)"), "{outcome:?}");
}
