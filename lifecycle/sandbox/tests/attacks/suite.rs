//! The attacks in one table: which sandbox, which control, what came of both.

use std::fs::File;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::geteuid;
use sandbox::{Exit, Network, Root, Sandbox, Stage};

use crate::world::World;
use crate::{daemons, export};

/// What runs an attack without the protection that is to stop it.
#[derive(Clone, Copy)]
enum Control {
    /// The same program, as the caller, in no sandbox.
    Plain,
    /// The same, but only root can do it at all.
    PlainRoot,
    /// The same sandbox with a root that can be written.
    Scratch,
    /// The sandbox of our own agent, which keeps its capabilities.
    Agent,
}

struct Attack {
    number: u8,
    what: &'static str,
    payload: &'static str,
    network: Network,
    control: Control,
}

const fn attack(number: u8, what: &'static str, payload: &'static str, control: Control) -> Attack {
    Attack {
        number,
        what,
        payload,
        network: Network::None,
        control,
    }
}

const fn online(attack: Attack) -> Attack {
    Attack {
        network: Network::Host,
        ..attack
    }
}

const ATTACKS: &[Attack] = &[
    attack(
        1,
        "read a file of the host",
        "read-host-file",
        Control::Plain,
    ),
    attack(
        1,
        "write a file of the host",
        "write-host-file",
        Control::Plain,
    ),
    attack(
        1,
        "write into the root filesystem",
        "write-root",
        Control::Scratch,
    ),
    attack(
        2,
        "see a process of the host",
        "see-processes",
        Control::Plain,
    ),
    attack(
        2,
        "signal a process of the host",
        "signal-process",
        Control::Plain,
    ),
    attack(2, "trace process 1", "trace-supervisor", Control::Plain),
    attack(
        3,
        "environment of process 1",
        "supervisor-environ",
        Control::Plain,
    ),
    attack(3, "program of process 1", "supervisor-exe", Control::Plain),
    attack(3, "memory of process 1", "supervisor-mem", Control::Plain),
    attack(3, "root of process 1", "supervisor-root", Control::Plain),
    attack(
        3,
        "descriptors of process 1",
        "supervisor-fd",
        Control::Plain,
    ),
    attack(
        4,
        "use a leaked descriptor",
        "leaked-descriptor",
        Control::Plain,
    ),
    attack(5, "find a secret variable", "environment", Control::Plain),
    attack(
        6,
        "connect to the host's loopback",
        "connect-loopback",
        Control::Plain,
    ),
    online(attack(6, "vsock socket", "vsock-socket", Control::Plain)),
    online(attack(
        6,
        "kernel crypto socket",
        "crypto-socket",
        Control::Plain,
    )),
    online(attack(
        6,
        "packet socket",
        "packet-socket",
        Control::PlainRoot,
    )),
    attack(
        7,
        "host's abstract socket, no network",
        "abstract-socket",
        Control::Plain,
    ),
    online(attack(
        7,
        "host's abstract socket, host network",
        "abstract-socket",
        Control::Plain,
    )),
    attack(8, "session keyring", "keyctl", Control::Plain),
    attack(9, "make a user namespace", "user-namespace", Control::Plain),
    attack(9, "mount", "mount", Control::Plain),
    attack(9, "unmount", "unmount", Control::Plain),
    attack(
        9,
        "unmount the masked /proc",
        "unmount-proc",
        Control::Agent,
    ),
    attack(9, "remount read-only writable", "remount", Control::Agent),
    attack(9, "enter a namespace", "setns", Control::Plain),
    attack(9, "chroot", "chroot", Control::Plain),
    attack(9, "io_uring", "io-uring", Control::Plain),
    attack(9, "userfaultfd", "userfaultfd", Control::Plain),
    attack(10, "run a set-id program", "set-id-program", Control::Plain),
    attack(10, "setuid(0)", "become-root", Control::PlainRoot),
    attack(11, "make a device node", "make-device", Control::PlainRoot),
    attack(11, "read /proc/keys", "read-keys", Control::Plain),
    attack(
        11,
        "read /proc/interrupts",
        "read-interrupts",
        Control::Plain,
    ),
    attack(11, "find the kernel log", "kernel-log", Control::Plain),
    attack(11, "write core_pattern", "core-pattern", Control::PlainRoot),
    attack(11, "write sysrq-trigger", "sysrq", Control::PlainRoot),
    attack(13, "fork bomb", "fork-bomb", Control::Plain),
    attack(15, "file beyond the limit", "big-file", Control::Plain),
];

/// What a machine may do without, and how that shows.
const LACKING: &[(&str, &str)] = &[
    ("vsock socket", "os error 97"),
    ("kernel crypto socket", "os error 97"),
    ("packet socket", "os error 97"),
    ("io_uring", "not implemented"),
    ("read /proc/keys", "os error 2"),
    ("find the kernel log", "os error 2"),
    ("write sysrq-trigger", "os error 2"),
];

/// What an attack came to, in one of its two runs.
pub(crate) struct Run {
    pub(crate) gained: bool,
    pub(crate) said: String,
}

impl Run {
    fn of_exit(exit: Exit, said: &str) -> Run {
        let said = said.trim().to_owned();
        match exit {
            Exit::Code(0) => Run { gained: true, said },
            Exit::Code(1) => Run {
                gained: false,
                said,
            },
            Exit::Signal(signal) => Run {
                gained: false,
                said: format!("killed by signal {signal}"),
            },
            Exit::Code(code) => panic!("the attack itself failed with {code}: {said}"),
        }
    }
}

/// One line of the table.
pub(crate) struct Line {
    pub(crate) number: u8,
    pub(crate) what: String,
    pub(crate) hardened: Run,
    /// `Err` says why there is none here.
    pub(crate) control: Result<Run, String>,
}

/// `alone`: no round of root's follows or has been, so what only root could control has no control.
pub(crate) fn main(who: &str, alone: bool) -> ExitCode {
    let scene = Scene::new();
    let mut lines: Vec<Line> = ATTACKS.iter().map(|attack| scene.line(attack)).collect();
    lines.extend(daemons::lines(&scene.world));
    lines.extend(export::lines(&scene.world));
    println!(
        "\nas {who}, sandboxed processes are uid {} outside",
        scene.world.host.uid
    );
    println!("{:>3}  {:37} {:48} control", "", "attack", "in the sandbox");
    let (mut failed, mut skipped) = (0, 0);
    for line in lines {
        let (verdict, control) = line.verdict(alone);
        failed += i32::from(verdict == "FAIL");
        skipped += i32::from(verdict == "SKIP");
        let hardened = if line.hardened.gained {
            "SUCCEEDED: "
        } else {
            ""
        };
        let hardened = format!("{hardened}{}", line.hardened.said);
        println!(
            "{:>3}  {:37} {hardened:48} {verdict} {control}",
            line.number, line.what
        );
    }
    println!("{failed} failed, {skipped} skipped");
    let strict = std::env::var_os("SLIPWAY_TESTS").is_some_and(|value| value == "strict");
    if failed == 0 && !(strict && skipped > 0) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Line {
    /// A word that counts, and what the control came to.
    fn verdict(&self, alone: bool) -> (&'static str, String) {
        let (mut verdict, control) = match &self.control {
            Ok(run) if run.gained => ("", run.said.clone()),
            Ok(run) if run.said.starts_with("SKIP") => ("SKIP", run.said.clone()),
            Ok(run) if self.lacking(&run.said) => {
                ("", "nothing to attack on this machine".to_owned())
            }
            Ok(run) => ("FAIL", format!("had no effect: {}", run.said)),
            Err(why) if alone => ("SKIP", why.clone()),
            Err(why) => ("", format!("{why}: see root's round")),
        };
        if self.hardened.gained {
            verdict = "FAIL";
        }
        (verdict, control)
    }

    fn lacking(&self, said: &str) -> bool {
        LACKING
            .iter()
            .any(|(what, error)| *what == self.what && said.contains(error))
    }
}

/// The things on the host that attacks go for.
struct Scene {
    world: World,
    facts: Vec<String>,
    victim: Child,
    _listener: TcpListener,
    _abstract_listener: UnixListener,
    _leaked: File,
}

impl Scene {
    fn new() -> Scene {
        let world = World::new();
        let nonce = std::process::id().to_string();
        let secrets = world.folder("secrets");
        let canary = secrets.join("canary");
        std::fs::write(&canary, "canary of the host").unwrap();
        let leaked = File::open(&canary).unwrap();
        fcntl_setfd(&leaked, FdFlags::empty()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = SocketAddr::from_abstract_name(format!("slipway-{nonce}")).unwrap();
        let victim = Command::new(std::env::current_exe().unwrap())
            .args(["daemon", &format!("victim-{nonce}")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let facts = vec![
            format!("canary={}", canary.display()),
            format!("nonce={nonce}"),
            format!("victim={}", victim.id()),
            format!("port={}", listener.local_addr().unwrap().port()),
        ];
        Scene {
            world,
            facts,
            victim,
            _listener: listener,
            _abstract_listener: UnixListener::bind_addr(&name).unwrap(),
            _leaked: leaked,
        }
    }

    fn line(&self, attack: &Attack) -> Line {
        Line {
            number: attack.number,
            what: attack.what.to_owned(),
            hardened: self.in_sandbox(attack, &self.sandbox(attack)),
            control: self.control(attack),
        }
    }

    fn sandbox(&self, attack: &Attack) -> Sandbox {
        let mut sandbox = self.world.sandbox();
        sandbox.network = attack.network;
        sandbox.limits.processes = 64;
        sandbox.limits.file_size_bytes = 1 << 20;
        sandbox
    }

    fn args<'a>(&'a self, attack: &Attack, supervisor: &'a str) -> Vec<&'a str> {
        let facts = self.facts.iter().map(String::as_str);
        [attack.payload]
            .into_iter()
            .chain(facts)
            .chain([supervisor])
            .collect()
    }

    fn in_sandbox(&self, attack: &Attack, sandbox: &Sandbox) -> Run {
        let outcome = self.world.run(sandbox, &self.args(attack, "supervisor=1"));
        Run::of_exit(outcome.exit, &(outcome.stdout + &outcome.stderr))
    }

    fn control(&self, attack: &Attack) -> Result<Run, String> {
        match attack.control {
            Control::PlainRoot if !geteuid().is_root() => Err("only root could do it".to_owned()),
            Control::Plain | Control::PlainRoot => Ok(self.plainly(attack)),
            Control::Scratch => {
                let mut sandbox = self.sandbox(attack);
                let (upper, work) = (self.world.folder("upper"), self.world.folder("work"));
                let lower = vec![self.world.path("lower")];
                sandbox.root = Root::Scratch { lower, upper, work };
                Ok(self.in_sandbox(attack, &sandbox))
            }
            Control::Agent => {
                let sandbox = Sandbox {
                    stage: Stage::Agent,
                    ..self.sandbox(attack)
                };
                Ok(self.in_sandbox(attack, &sandbox))
            }
        }
    }

    /// As the caller, with the caller's environment, descriptors and rights.
    fn plainly(&self, attack: &Attack) -> Run {
        let supervisor = format!("supervisor={}", std::process::id());
        let output = Command::new(std::env::current_exe().unwrap())
            .arg("payload")
            .args(self.args(attack, &supervisor))
            .output()
            .unwrap();
        let exit = output.status.code().map_or(Exit::Signal(0), Exit::Code);
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        Run::of_exit(exit, &said)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.victim.kill().unwrap();
        self.victim.wait().unwrap();
    }
}
