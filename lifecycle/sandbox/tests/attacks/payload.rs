//! What the attacker does. Exit code 0 and what was gained, or 1 and what stood in the way.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{Pid, chroot, test_kill_process};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

type Gain = Result<String, String>;

/// What the suite knows and the attacker is told: `name=value` arguments.
pub(crate) struct Facts(BTreeMap<String, String>);

impl Facts {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

pub(crate) fn main(attack: &str, facts: &[&str]) -> ExitCode {
    let pairs = facts.iter().filter_map(|fact| fact.split_once('='));
    let facts = Facts(
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    );
    match run(attack, &facts) {
        Ok(gained) => {
            println!("{gained}");
            ExitCode::SUCCESS
        }
        Err(refused) => {
            println!("{refused}");
            ExitCode::from(1)
        }
    }
}

fn run(attack: &str, facts: &Facts) -> Gain {
    match attack {
        "read-host-file" => read(Path::new(facts.get("canary")), "canary"),
        "write-host-file" => write(&Path::new(facts.get("canary")).with_extension("written")),
        "write-root" => write(Path::new("/etc/owned")),
        "see-processes" => see_processes(&format!("victim-{}", facts.get("nonce"))),
        "signal-process" => signal(facts.get("victim")),
        "trace-supervisor" => trace(facts.get("supervisor")),
        "supervisor-environ" => read(&supervisor(facts, "environ"), crate::SECRET),
        "supervisor-exe" => open(&supervisor(facts, "exe")),
        "supervisor-mem" => open(&supervisor(facts, "mem")),
        "supervisor-root" => list(&supervisor(facts, "root")),
        "supervisor-fd" => list(&supervisor(facts, "fd")),
        "leaked-descriptor" => leaked_descriptor(),
        "environment" => environment(),
        "connect-loopback" => connect(facts.get("port")),
        "vsock-socket" => family(40),
        "crypto-socket" => family(38),
        "packet-socket" => family(17),
        "abstract-socket" => abstract_socket(facts.get("nonce")),
        "user-namespace" => namespace(UnshareFlags::NEWUSER).map(|()| "made one".to_owned()),
        "mount" => privileged(facts, || mount_memory("/tmp")),
        "unmount" => privileged(facts, || {
            mount_memory("/tmp").and_then(|_| unmount_it("/tmp"))
        }),
        // Their control is our agent's sandbox, never the machine that runs the tests.
        "unmount-proc" if facts.get("supervisor") == "1" => unmount_it("/proc"),
        "remount" if facts.get("supervisor") == "1" => remount("/usr"),
        "setns" => privileged(facts, set_namespace),
        "chroot" => privileged(facts, || {
            chroot("/tmp").map_err(text).map(|()| "done".to_owned())
        }),
        "io-uring" => raw(425, &["1", "buffer"]),
        "userfaultfd" => raw(
            if cfg!(target_arch = "x86_64") {
                323
            } else {
                282
            },
            &["1"],
        ),
        "keyctl" => raw(
            if cfg!(target_arch = "x86_64") {
                250
            } else {
                219
            },
            &["0", "-3", "1"],
        ),
        "set-id-program" => set_id_program(),
        "become-root" => become_root(),
        "make-device" => make_device(),
        "read-keys" => read_something("/proc/keys"),
        "read-interrupts" => read_something("/proc/interrupts"),
        "kernel-log" => exists("/dev/kmsg"),
        "core-pattern" => open_for_writing("/proc/sys/kernel/core_pattern"),
        "sysrq" => open_for_writing("/proc/sysrq-trigger"),
        "fork-bomb" => fork_bomb(),
        "big-file" => big_file(),
        "traps" => traps(facts),
        "race" => race(facts),
        other => panic!("no attack {other}"),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn read(path: &Path, expected: &str) -> Gain {
    let bytes = fs::read(path).map_err(text)?;
    if String::from_utf8_lossy(&bytes).contains(expected) {
        Ok("read it".to_owned())
    } else {
        Err(format!("{} bytes without it", bytes.len()))
    }
}

fn write(path: &Path) -> Gain {
    fs::write(path, "owned").map_err(text)?;
    Ok("wrote it".to_owned())
}

fn open(path: &Path) -> Gain {
    File::open(path).map_err(text)?;
    Ok("opened it".to_owned())
}

fn open_for_writing(path: &str) -> Gain {
    OpenOptions::new().write(true).open(path).map_err(text)?;
    Ok("opened it for writing".to_owned())
}

fn list(path: &Path) -> Gain {
    let entries = fs::read_dir(path).map_err(text)?.count();
    if entries == 0 {
        Err("empty".to_owned())
    } else {
        Ok(format!("{entries} entries"))
    }
}

fn exists(path: &str) -> Gain {
    fs::metadata(path).map_err(text)?;
    Ok("it is there".to_owned())
}

fn read_something(path: &str) -> Gain {
    match fs::read(path).map_err(text)?.len() {
        0 => Err("empty".to_owned()),
        length => Ok(format!("{length} bytes")),
    }
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
    })
}

fn see_processes(victim: &str) -> Gain {
    let mut seen = 0;
    for process in processes() {
        seen += 1;
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(victim) {
            return Ok(format!("saw {}", process.display()));
        }
    }
    Err(format!("saw {seen} processes, own ones"))
}

fn signal(victim: &str) -> Gain {
    let pid = Pid::from_raw(victim.parse().unwrap()).unwrap();
    test_kill_process(pid).map_err(text)?;
    Ok("may signal it".to_owned())
}

/// PTRACE_SEIZE, which does not stop whom it traces.
fn trace(supervisor: &str) -> Gain {
    raw(
        if cfg!(target_arch = "x86_64") {
            101
        } else {
            117
        },
        &["16902", supervisor, "0", "0"],
    )
}

fn supervisor(facts: &Facts, entry: &str) -> PathBuf {
    Path::new("/proc").join(facts.get("supervisor")).join(entry)
}

fn leaked_descriptor() -> Gain {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        open.push(path.file_name().unwrap().to_string_lossy().into_owned());
        let is_file = fs::metadata(&path).is_ok_and(|stat| stat.is_file());
        if is_file && read(&path, "canary").is_ok() {
            return Ok(format!("read descriptor {}", open.pop().unwrap()));
        }
    }
    Err(format!(
        "open: {} (the last one is the listing)",
        open.join(" ")
    ))
}

fn environment() -> Gain {
    for (name, value) in std::env::vars_os() {
        if value == crate::SECRET {
            return Ok(format!("own variable {}", name.display()));
        }
    }
    for process in processes() {
        if read(&process.join("environ"), crate::SECRET).is_ok() {
            return Ok(format!("environment of {}", process.display()));
        }
    }
    Err("in no environment".to_owned())
}

fn connect(port: &str) -> Gain {
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).map_err(text)?;
    Ok("connected".to_owned())
}

fn family(number: u16) -> Gain {
    // Vsock knows streams only, the others any or raw ones.
    let kind = if number == 40 {
        SocketType::STREAM
    } else {
        SocketType::SEQPACKET
    };
    let kind = if number == 17 { SocketType::RAW } else { kind };
    socket(AddressFamily::from_raw(number), kind, None).map_err(text)?;
    Ok("got a socket".to_owned())
}

fn abstract_socket(nonce: &str) -> Gain {
    let name = SocketAddr::from_abstract_name(format!("slipway-{nonce}")).unwrap();
    UnixStream::connect_addr(&name).map_err(text)?;
    Ok("connected".to_owned())
}

#[allow(deprecated, reason = "its danger is in unsharing descriptors")]
fn namespace(flags: UnshareFlags) -> Result<(), String> {
    rustix::thread::unshare(flags).map_err(text)
}

/// Tries as it is when confined, and in any case in namespaces of its own, where anyone has capabilities.
///
/// Without a sandbox only the latter: root would change the machine that runs the tests.
fn privileged(facts: &Facts, attack: impl Fn() -> Gain) -> Gain {
    let confined = facts.get("supervisor") == "1";
    let plainly = if confined {
        attack()
    } else {
        Err("not tried".to_owned())
    };
    let Err(refused) = plainly else {
        return plainly;
    };
    let own = UnshareFlags::NEWUSER | UnshareFlags::NEWNS | UnshareFlags::NEWUTS;
    namespace(own).map_err(|second| format!("{refused}; user namespace: {second}"))?;
    attack().map(|gained| format!("{gained} in a user namespace"))
}

fn mount_memory(at: &str) -> Gain {
    mount("tmpfs", at, "tmpfs", MountFlags::empty(), None).map_err(text)?;
    Ok("mounted".to_owned())
}

fn unmount_it(at: &str) -> Gain {
    unmount(at, UnmountFlags::DETACH).map_err(text)?;
    Ok("unmounted".to_owned())
}

fn remount(at: &str) -> Gain {
    mount_remount(at, MountFlags::BIND, "").map_err(text)?;
    Ok("remounted writable".to_owned())
}

fn set_namespace() -> Gain {
    let own = File::open("/proc/self/ns/uts").map_err(text)?;
    let kind = Some(LinkNameSpaceType::HostNameAndNISDomainName);
    move_into_link_name_space(std::os::fd::AsFd::as_fd(&own), kind).map_err(text)?;
    Ok("entered it".to_owned())
}

/// A system call that has no safe wrapper, made by perl; `buffer` stands for 120 bytes.
fn raw(number: u32, args: &[&str]) -> Gain {
    let script = r#"my @a = map { $_ eq "buffer" ? "\0" x 120 : $_ + 0 } @ARGV;
        my $r = syscall($a[0], @a[1..$#a]); print $r == -1 ? "$!" : "returned $r"; exit($r == -1)"#;
    let number = number.to_string();
    let output = Command::new("perl")
        .args(["-e", script, &number])
        .args(args)
        .output();
    let output = output.map_err(|cause| format!("SKIP no perl: {cause}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}

fn set_id_program() -> Gain {
    let program = ["/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/chfn"];
    let found = program.iter().find(|path| Path::new(path).exists());
    let program = found.ok_or("SKIP no set-id program here")?;
    let mut command = Command::new(program);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(text)?;
    // The parent goes on before the kernel gives the child its new rights.
    let effective = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status
            .lines()
            .find(|line| line.starts_with("Uid:"))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(2)
            .unwrap_or_default()
            .to_owned()
    };
    let started = Instant::now();
    while effective() != "0" && started.elapsed() < Duration::from_millis(500) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let effective = effective();
    // Ends it; it was waiting for a password.
    drop(child.stdin.take());
    child.wait().map_err(text)?;
    let said = format!("effective uid {effective}");
    if effective == "0" {
        Ok(said)
    } else {
        Err(said)
    }
}

fn become_root() -> Gain {
    rustix::thread::set_thread_uid(rustix::process::Uid::ROOT).map_err(text)?;
    Ok("uid 0".to_owned())
}

fn make_device() -> Gain {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    let path = std::env::temp_dir().join("attack-device");
    let made = mknodat(
        CWD,
        &path,
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o600),
        makedev(1, 1),
    );
    let _ = fs::remove_file(&path);
    made.map_err(text).map(|()| "made /dev/mem".to_owned())
}

fn fork_bomb() -> Gain {
    const WANTED: usize = 400;
    let (tell, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let mut threads = Vec::new();
    let mut refused = None;
    while threads.len() < WANTED && refused.is_none() {
        let wait = wait.clone();
        let small = std::thread::Builder::new().stack_size(32 << 10);
        match small.spawn(move || drop(wait.lock().map(|wait| wait.recv()))) {
            Ok(thread) => threads.push(thread),
            Err(cause) => refused = Some(text(cause)),
        }
    }
    drop(tell);
    let count = threads.len();
    for thread in threads {
        thread.join().unwrap();
    }
    let said = format!("{count} threads");
    refused.map_or(Ok(said.clone()), |cause| {
        Err(format!("{said}, then {cause}"))
    })
}

fn big_file() -> Gain {
    let path = std::env::temp_dir().join(format!("attack-big-{}", std::process::id()));
    let made = File::create(&path).and_then(|file| file.set_len(2 << 20));
    let _ = fs::remove_file(&path);
    made.map_err(text)
        .map(|()| "2 MiB where 1 MiB is allowed".to_owned())
}

/// Leaves in the layers folder what an exporter that follows names would fall for.
fn traps(facts: &Facts) -> Gain {
    let layers = Path::new(facts.get("layers"));
    let canary = facts.get("canary");
    let trap = |name: &str| layers.join(name);
    std::os::unix::fs::symlink(canary, trap("layer.toml")).map_err(text)?;
    let folder = Path::new(canary).parent().unwrap();
    std::os::unix::fs::symlink(folder, trap("folder")).map_err(text)?;
    fs::create_dir(trap("layer")).map_err(text)?;
    std::os::unix::fs::symlink(canary, trap("layer/link")).map_err(text)?;
    fs::write(trap("layer/file"), "mine").map_err(text)?;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, trap("fifo.toml"), FileType::Fifo, mode, 0).map_err(text)?;
    std::os::unix::net::UnixListener::bind(trap("socket.toml")).map_err(text)?;
    let big = File::create(trap("big.toml")).map_err(text)?;
    big.set_len(10 << 30).map_err(text)?;
    Ok("traps are set".to_owned())
}

/// Swaps a folder and a link to the canary's folder until told to stop.
fn race(facts: &Facts) -> Gain {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let layers = Path::new(facts.get("layers"));
    let (real, link) = (layers.join("swap"), layers.join("link"));
    fs::create_dir(&real).map_err(text)?;
    fs::write(real.join("canary"), "harmless").map_err(text)?;
    let folder = Path::new(facts.get("canary")).parent().unwrap();
    std::os::unix::fs::symlink(folder, &link).map_err(text)?;
    println!("racing");
    let mut swaps = 0_u64;
    while !layers.join("stop").exists() {
        for _ in 0..100 {
            renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE).map_err(text)?;
            swaps += 1;
        }
    }
    Ok(format!("{swaps} swaps"))
}
