//! Attack 14: processes that want to outlive their step.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Exit, HostId, Io};

use crate::suite::{Line, Run};
use crate::world::{self, World, finish};

/// Stays until killed, deaf to SIGTERM as far as std lets us: it is in a session of its own.
pub(crate) fn daemon(_nonce: &str) -> ExitCode {
    std::thread::sleep(Duration::from_mins(10));
    ExitCode::SUCCESS
}

const SCRIPT: &str =
    "trap '' TERM HUP; setsid /payload daemon $0 & setsid /payload daemon $0 & echo ready;";

pub(crate) fn lines(world: &World) -> Vec<Line> {
    vec![
        after_the_step(world),
        after_the_time(world),
        after_the_host(world),
    ]
}

fn line(what: &str, hardened: Run, control: Run) -> Line {
    Line {
        number: 14,
        what: what.to_owned(),
        hardened,
        control: Ok(control),
    }
}

/// The program ends; two daemons that left its session do not want to.
fn after_the_step(world: &World) -> Line {
    let nonce = nonce("step");
    let outcome = world.run_program(&world.sandbox(), &script(SCRIPT, &nonce));
    assert_eq!(outcome.exit, Exit::Code(0), "{}", outcome.stderr);
    let hardened = count(&nonce, Duration::ZERO);
    let control = nonce_plainly(world, &format!("{nonce}-plain"));
    line("daemons after the step", hardened, control)
}

/// Nothing inside listens to SIGTERM; the time is over.
fn after_the_time(world: &World) -> Line {
    let nonce = nonce("time");
    let deaf = format!("{SCRIPT} while :; do sleep 1; done");
    let running = world
        .sandbox()
        .start(&world.host, &script(&deaf, &nonce), Io::Pipes)
        .unwrap();
    let started = Instant::now();
    let error = running.wait(Some(Duration::from_millis(300))).unwrap_err();
    assert_eq!(error.kind(), &sandbox::ErrorKind::TimedOut);
    let waited = started.elapsed();
    assert!(
        (10..14).contains(&waited.as_secs()),
        "SIGTERM, 10 s, SIGKILL: took {waited:?}"
    );
    let hardened = count(&nonce, Duration::ZERO);
    line(
        "daemons after a time-out",
        hardened,
        nonce_plainly(world, &format!("{nonce}-plain")),
    )
}

/// `kill -9` of the process that started the sandbox.
fn after_the_host(world: &World) -> Line {
    let nonce = nonce("host");
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["host", world.dir.path().to_str().unwrap()])
        .env("NONCE", &nonce)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept open: whoever writes to a closed pipe dies of that.
    let mut stdout = BufReader::new(host.stdout.take().unwrap());
    let mut ready = String::new();
    stdout.read_line(&mut ready).unwrap();
    let before = count(&nonce, Duration::ZERO);
    assert!(before.gained, "the daemons run: {}", before.said);
    host.kill().unwrap();
    let killed = host.wait().unwrap();
    assert_eq!(killed.signal(), Some(9), "it was waiting, and died of this");
    let hardened = count(&nonce, Duration::from_secs(2));
    line(
        "daemons after kill -9 of the host",
        hardened,
        nonce_plainly(world, &format!("{nonce}-plain")),
    )
}

/// Starts a sandbox with daemons in it and waits to be killed.
pub(crate) fn host(folder: &str) -> ExitCode {
    let nonce = std::env::var("NONCE").unwrap();
    let host = HostId::current(Path::new(folder)).unwrap();
    let sandbox = world::sandbox_in(Path::new(folder));
    let deaf = format!("{SCRIPT} while :; do sleep 1; done");
    let mut running = sandbox
        .start(&host, &script(&deaf, &nonce), Io::Pipes)
        .unwrap();
    let mut ready = String::new();
    BufReader::new(running.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    // Both daemons have been started; their names show once they have replaced the shell.
    std::thread::sleep(Duration::from_millis(300));
    println!("ready");
    std::io::stdout().flush().unwrap();
    finish(running);
    ExitCode::SUCCESS
}

fn script(script: &str, nonce: &str) -> sandbox::Command {
    let mut command = world::shell(script);
    command.args.push(nonce.into());
    command
}

fn nonce(kind: &str) -> String {
    format!("survivor-{kind}-{}", std::process::id())
}

/// The same daemon without a sandbox outlives its parent.
fn nonce_plainly(world: &World, nonce: &str) -> Run {
    let script = SCRIPT.replace("/payload", world.path("payload").to_str().unwrap());
    let mut plain = Command::new("/bin/sh");
    plain
        .args(["-c", &script, nonce])
        .stdout(Stdio::null())
        .process_group(0);
    assert!(plain.status().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    let run = count(nonce, Duration::ZERO);
    for pid in survivors(nonce) {
        kill_process(pid, Signal::KILL).unwrap();
    }
    run
}

/// Counts processes of that name on this machine, for at most `patience` until there is none.
fn count(nonce: &str, patience: Duration) -> Run {
    let started = Instant::now();
    loop {
        let left = survivors(nonce).len();
        if left == 0 || started.elapsed() >= patience {
            return Run {
                gained: left > 0,
                said: format!("{left} processes left"),
            };
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn survivors(nonce: &str) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.split('\0').rev();
        if words.any(|word| word == nonce) && line.contains("daemon") {
            found.extend(Pid::from_raw(number));
        }
    }
    found
}
