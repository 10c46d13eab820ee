//! What the test program does inside a sandbox.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use sandbox::nested::{self, Nested};
use sandbox::probe::probe;
use sandbox::{ErrorKind, HostId, Io, Stream};

use crate::world::{sandbox_in, shell};

pub(crate) fn main(what: &str, rest: &[&str]) -> ExitCode {
    match (what, rest) {
        ("start", []) => start(),
        ("probe", []) => tell_probe(),
        ("events", []) => writeln!(sandbox::events().unwrap(), "event").unwrap(),
        ("no-events", []) => println!("{}", sandbox::events().unwrap_err()),
        ("nested", [bp, scripts @ ..]) => nest(bp, scripts),
        other => panic!("no {other:?}"),
    }
    ExitCode::SUCCESS
}

/// Tries to start a sandbox in a sandbox.
fn start() {
    let host = HostId::current(Path::new("/tmp")).unwrap();
    let error = sandbox_in(Path::new("/"))
        .start(&host, &shell(""), Io::Pipes)
        .unwrap_err();
    match error.kind() {
        ErrorKind::Unavailable { errno, knob, fix } => println!("{errno} {knob}: {fix}"),
        other => println!("{other:?} {error}"),
    }
}

fn tell_probe() {
    let report = probe(&HostId::current(Path::new("/tmp")).unwrap());
    println!("usable {}", report.usable());
    for row in report.rows {
        println!("{} {:?} {} {}", row.what, row.state, row.detail, row.fix);
    }
}

/// As an agent would: each script is a buildpack, all at the same time. Output in the order of the scripts.
fn nest(bp: &str, scripts: &[&str]) {
    let nested = Nested {
        uid: 1001,
        gid: 1000,
        read_only: vec!["/layers".into()],
        writable: vec![Path::new("/layers").join(bp), "/workspace".into()],
        hidden: vec![
            "/slipway".into(),
            "/workspace/secret".into(),
            "/etc/passwd".into(),
        ],
        limits: sandbox::Limits {
            processes: 32,
            ..Default::default()
        },
    };
    let run = |script: &str| {
        let said = Mutex::new(String::new());
        let exit = nested::run(&nested, &shell(script), &|stream, bytes| {
            let mark = if stream == Stream::Stderr { "!" } else { "" };
            *said.lock().unwrap() += &(mark.to_owned() + &String::from_utf8_lossy(bytes));
        });
        match exit {
            Ok(exit) => said.into_inner().unwrap() + &format!("{exit:?}\n"),
            Err(error) => format!("{error}: {:?}\n", error.kind()),
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = scripts
            .iter()
            .map(|script| scope.spawn(|| run(script)))
            .collect();
        for one in all {
            print!("{}", one.join().unwrap());
        }
    });
}
