//! Promises about what a program sees: root, mounts, ids, environment.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::process::geteuid;
use sandbox::{ErrorKind, Exit, From, Io, Mount, Network, Root};

use crate::Promise;
use crate::world::{World, bind, shell};

pub(crate) const PROMISES: &[Promise] = &[
    (
        "the program is who it should be and has nothing else",
        nothing_else,
    ),
    ("upper layers hide lower ones, whiteouts delete", layers),
    ("120 layers are fine", many_layers),
    (
        "a read-only root has memory where programs expect to write",
        memory,
    ),
    (
        "a scratch root takes changes and leaves the layers alone",
        scratch,
    ),
    (
        "mount points are made, also behind links of the root, and leave no trace",
        mount_points,
    ),
    (
        "mounts within mounts work in the order given",
        mounts_within_mounts,
    ),
    ("a single file can be mounted, read-only", single_file),
    (
        "of folders seen through one another only the topmost is changed",
        overlay_mount,
    ),
    (
        "an overlay that cannot be had is told before anything runs",
        no_overlay,
    ),
    ("what is written belongs to the caller's id", owner),
    (
        "only with the host's network there are name servers",
        name_servers,
    ),
    ("names that are not UTF-8 work", odd_names),
    ("a missing layer is an error that names it", missing_layer),
    ("what ordinary programs do works", ordinary_programs),
];

fn says(world: &World, script: &str, expected: &str) {
    let mut sandbox = world.sandbox();
    sandbox.limits.open_files = 512;
    let outcome = world.shell(&sandbox, script);
    assert_eq!(
        (outcome.stdout.trim(), outcome.stderr.as_str()),
        (expected, ""),
        "{script}"
    );
}

fn nothing_else(world: &World) {
    says(
        world,
        "id -u; id -g; hostname; umask; pwd",
        "1001\n1000\nslipway\n0022\n/",
    );
    says(
        world,
        "env -u _ -u PWD -u SHLVL | sort",
        "PATH=/usr/bin:/bin",
    );
    says(world, "ulimit -c; ulimit -n", "0\n512");
    says(world, "echo /proc/[0-9]*", "/proc/1 /proc/2");
    says(
        world,
        "grep -hE '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t\\n'",
        "CapEff:0000000000000000CapBnd:0000000000000000NoNewPrivs:1Seccomp:2",
    );
    says(
        world,
        "ls /dev; cat /dev/tty 2>&1 | tail -c 10",
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\nr address",
    );
    says(world, "cat /proc/self/uid_map | tr -s ' '", "1001 0 1");
}

fn layers(world: &World) {
    let (upper, lower) = (world.folder("upper-layer"), world.folder("lower-layer"));
    for (folder, name) in [
        (&upper, "both"),
        (&lower, "both"),
        (&lower, "deleted"),
        (&lower, "kept"),
    ] {
        std::fs::write(
            folder.join(name),
            folder.file_name().unwrap().as_encoded_bytes(),
        )
        .unwrap();
    }
    files::Dir::open(&upper)
        .unwrap()
        .whiteout(Path::new("deleted"))
        .unwrap();
    world.host.give(&upper).unwrap();
    world.host.give(&lower).unwrap();
    let mut sandbox = world.sandbox();
    sandbox.root = Root::ReadOnly {
        lower: vec![upper, lower, world.path("lower")],
    };
    let outcome = world.shell(
        &sandbox,
        "cat /both; echo; cat /kept; echo; ls /deleted 2>&1 | wc -l; touch /new 2>&1",
    );
    assert_eq!(
        outcome.stdout,
        "upper-layer\nlower-layer\n1\ntouch: cannot touch '/new': Read-only file system\n"
    );
}

fn many_layers(world: &World) {
    let mut lower: Vec<_> = (0..119)
        .map(|number| world.folder(&format!("layer-{number}")))
        .collect();
    for (number, folder) in lower.iter().enumerate() {
        std::fs::write(folder.join("last"), number.to_string()).unwrap();
        std::fs::write(folder.join(format!("file-{number}")), "").unwrap();
    }
    lower.push(world.path("lower"));
    let mut sandbox = world.sandbox();
    sandbox.root = Root::ReadOnly { lower };
    assert_eq!(
        world
            .shell(&sandbox, "cat /last; ls /file-* | wc -l")
            .stdout,
        "0119\n"
    );
}

fn memory(world: &World) {
    says(
        world,
        "for d in /tmp /var/tmp /run /dev/shm; do stat -c %a $d; echo x > $d/x; cat $d/x; done",
        "1777\nx\n1777\nx\n1777\nx\n1777\nx",
    );
}

fn scratch(world: &World) {
    let mut sandbox = world.sandbox();
    let (upper, work) = (world.folder("scratch/up"), world.folder("scratch/wk"));
    world.host.give(&world.path("scratch")).unwrap();
    let lower = vec![world.path("lower")];
    sandbox.root = Root::Scratch {
        lower,
        upper: upper.clone(),
        work,
    };
    let outcome = world.shell(
        &sandbox,
        "echo new > /new; echo more >> /etc/passwd; rm /sbin; cat /new; ls /sbin",
    );
    assert_eq!(outcome.stdout, "new\n", "{}", outcome.stderr);
    assert_eq!(std::fs::read_to_string(upper.join("new")).unwrap(), "new\n");
    assert!(
        std::fs::read_to_string(upper.join("etc/passwd"))
            .unwrap()
            .ends_with("more\n")
    );
    assert!(!world.path("lower/new").exists());
    assert!(
        !upper.join("etc/resolv.conf").exists(),
        "the scaffold is no change"
    );
}

fn mount_points(world: &World) {
    let lower = world.path("lower");
    std::fs::create_dir_all(lower.join("real/place")).unwrap();
    std::fs::set_permissions(lower.join("real"), PermissionsExt::from_mode(0o751)).unwrap();
    symlink("../real/./place", lower.join("etc/link")).unwrap();
    symlink("loop", lower.join("loop")).unwrap();
    world.host.give(&lower).unwrap();
    let source = world.folder("source");
    std::fs::write(source.join("it"), "is here").unwrap();
    let mut sandbox = world.sandbox();
    for at in ["/new/deep/er", "/etc/link/below", "/real/other"] {
        sandbox.mounts.push(bind(&source, Path::new(at), false));
    }
    let script = "cat /new/deep/er/it /real/place/below/it /real/other/it; stat -c %a /real; test -L /etc/link";
    let outcome = world.shell(&sandbox, script);
    assert_eq!(
        outcome.stdout, "is hereis hereis here751\n",
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.exit, Exit::Code(0));
    assert_eq!(std::fs::read_dir(lower.join("real")).unwrap().count(), 1);
    sandbox
        .mounts
        .push(bind(&source, Path::new("/loop/x"), false));
    let error = sandbox
        .start(&world.host, &shell(""), Io::Pipes)
        .unwrap_err();
    assert!(error.to_string().contains("/loop/x"), "{error}");
}

fn mounts_within_mounts(world: &World) {
    let (outer, inner) = (world.folder("outer"), world.folder("inner"));
    std::fs::write(inner.join("it"), "inner").unwrap();
    let mut sandbox = world.sandbox();
    sandbox.mounts.push(bind(&outer, Path::new("/outer"), true));
    sandbox
        .mounts
        .push(bind(&inner, Path::new("/outer/made/inner"), false));
    let error = sandbox
        .start(&world.host, &shell(""), Io::Pipes)
        .unwrap_err();
    assert!(
        error.to_string().contains("/outer/made/inner"),
        "parents are not made: {error}"
    );
    sandbox.mounts.last_mut().unwrap().at = "/outer/inner".into();
    sandbox.mounts.push(Mount {
        from: From::Tmpfs {
            size_bytes: 1 << 20,
        },
        at: "/home/cnb".into(),
        writable: true,
    });
    let script = "cat /outer/inner/it; touch /outer/inner/no 2>/dev/null; echo $?; echo > /home/cnb/x; stat -f -c %b%S /home/cnb";
    let outcome = world.shell(&sandbox, script);
    assert_eq!(outcome.stdout, "inner1\n2564096\n", "{}", outcome.stderr);
    assert!(
        outer.join("inner").is_dir(),
        "a mount point in a writable mount is made there"
    );
}

/// `one` and `two` seen through an empty folder, at a name inside.
fn overlay_at(world: &World, at: &str) -> Mount {
    for (file, text) in [
        ("one/a/kept", "one"),
        ("one/a/gone", "one"),
        ("one/both", "one"),
        ("two/both", "two"),
        ("two/b/old", "two"),
    ] {
        let file = world.path(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    world.folder("changes");
    Mount {
        from: From::Overlay {
            lower: vec![world.folder("one"), world.folder("two")],
            upper: world.folder("changes/upper"),
            work: world.folder("changes/work"),
        },
        at: at.into(),
        writable: true,
    }
}

fn overlay_mount(world: &World) {
    let mut sandbox = world.sandbox();
    sandbox.mounts.push(overlay_at(world, "/seen/here"));
    let script = "cd /seen/here; cat both a/kept; rm a/gone; echo more >> a/kept; rm -r b; mkdir b; echo new > new; ls -d * */*";
    let outcome = world.shell(&sandbox, script);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("oneonea\na/kept\nb\nboth\nnew\n", "")
    );
    let text = |file: &str| std::fs::read_to_string(world.path(file)).unwrap();
    assert_eq!([text("one/a/kept"), text("two/b/old")], ["one", "two"]);
    assert!(world.path("one/a/gone").exists());
    assert_eq!(text("changes/upper/a/kept"), "onemore\n");
    assert_eq!(text("changes/upper/new"), "new\n");
    let upper = files::Dir::open(&world.path("changes/upper")).unwrap();
    let gone = upper.stat(Path::new("a/gone")).unwrap().unwrap();
    assert!(gone.is_whiteout());
    assert!(upper.is_opaque(Path::new("b")).unwrap());
    assert!(!upper.is_opaque(Path::new("a")).unwrap());
    assert!(upper.stat(Path::new("both")).unwrap().is_none());
}

fn no_overlay(world: &World) {
    let mut mount = overlay_at(world, "/seen");
    if let From::Overlay { upper, work, .. } = &mut mount.from {
        // What no kernel takes.
        work.clone_from(upper);
    }
    let mut sandbox = world.sandbox();
    sandbox.mounts.push(mount);
    let error = sandbox
        .start(&world.host, &shell("true"), Io::Pipes)
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unavailable { .. }),
        "{error}: {:?}",
        error.kind()
    );
}

fn single_file(world: &World) {
    let file = world.path("bundle.pem");
    std::fs::write(&file, "certificates\n").unwrap();
    world.host.give(&file).unwrap();
    let mut sandbox = world.sandbox();
    sandbox.mounts.push(bind(
        &file,
        Path::new("/etc/ssl/certs/ca-certificates.crt"),
        false,
    ));
    let script =
        "cat /etc/ssl/certs/ca-certificates.crt; echo x > /etc/ssl/certs/ca-certificates.crt";
    let outcome = world.shell(&sandbox, script);
    assert_eq!(outcome.stdout, "certificates\n");
    assert!(outcome.stderr.contains("Read-only"), "{}", outcome.stderr);
}

fn owner(world: &World) {
    let sandbox = world.sandbox_with("made");
    let outcome = world.shell(
        &sandbox,
        "echo x > /made/file; mkdir /made/dir; stat -c %u:%g:%a /made/file /made/dir",
    );
    assert_eq!(outcome.stdout, "1001:1000:644\n1001:1000:755\n");
    let stat = world.path("made/file").metadata().unwrap();
    assert_eq!((stat.uid(), stat.gid()), (world.host.uid, world.host.gid));
    assert_eq!(world.host.uid == geteuid().as_raw(), !geteuid().is_root());
}

fn name_servers(world: &World) {
    let mut sandbox = world.sandbox();
    let script = "cat /etc/resolv.conf; echo; grep -c slipway /etc/hosts; test -w /sys/fs/cgroup; cat /etc/hostname";
    assert_eq!(world.shell(&sandbox, script).stdout, "\n1\nslipway\n");
    sandbox.network = Network::Host;
    let of_host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!(
        world.shell(&sandbox, script).stdout,
        of_host + "\n1\nslipway\n"
    );
}

fn odd_names(world: &World) {
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"odd,:\\\xff");
    let layer = world.dir.path().join(odd);
    std::fs::create_dir(&layer).unwrap();
    std::fs::write(layer.join(odd), "found").unwrap();
    let (upper, work) = (layer.join("up,:"), layer.join("work"));
    std::fs::create_dir(&upper).unwrap();
    std::fs::create_dir(&work).unwrap();
    world.host.give(&layer).unwrap();
    let mut sandbox = world.sandbox();
    sandbox.root = Root::Scratch {
        lower: vec![layer, world.path("lower")],
        upper,
        work,
    };
    let mut command = shell("cat \"$0\" $VAR");
    command.args.push(odd.to_owned());
    command.env.push(("VAR".into(), odd.to_owned()));
    assert_eq!(world.run_program(&sandbox, &command).stdout, "foundfound");
}

fn missing_layer(world: &World) {
    let mut sandbox = world.sandbox();
    sandbox.root = Root::ReadOnly {
        lower: vec![world.path("absent")],
    };
    let error = sandbox
        .start(&world.host, &shell(""), Io::Pipes)
        .unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Missing);
    assert!(error.to_string().contains("absent"), "{error}");
}

/// Beyond the shell: pipes with names, sockets, terminals, shared memory, trees of processes.
fn ordinary_programs(world: &World) {
    let check = |needs: &str, script: &str, expected: &str| {
        if std::path::Path::new(needs).exists() {
            let outcome = world.shell(&world.sandbox(), script);
            assert_eq!(
                (outcome.stdout.trim(), outcome.stderr.as_str()),
                (expected, ""),
                "{script}"
            );
        } else {
            println!("SKIP: no {needs} here");
        }
    };
    check(
        "/bin/bash",
        "bash -c 'cat <(echo one) <(echo two)'",
        "one\ntwo",
    );
    check(
        "/usr/bin/mkfifo",
        "cd /tmp; mkfifo p; (echo through > p &); cat p",
        "through",
    );
    check(
        "/usr/bin/flock",
        "flock -w 1 /tmp/lock echo locked",
        "locked",
    );
    check(
        "/usr/bin/tar",
        "cd /tmp; mkdir d; ln -s x d/l; tar cf - d | (cd /run; tar xf -; readlink d/l)",
        "x",
    );
    check(
        "/usr/bin/script",
        "script -qc tty /dev/null | tr -d '\\r'",
        "/dev/pts/0",
    );
    check("/usr/bin/nproc", "test $(nproc) -ge 1 && echo some", "some");
    let multiprocessing = "python3 -c 'import multiprocessing as m, pty, socket; socket.socketpair(); \
        pty.openpty(); p = m.Pool(2); print(sum(p.map(abs, range(-3, 0)))); p.close(); p.join()'";
    check("/usr/bin/python3", multiprocessing, "6");
    let compile = "cd /tmp; echo 'int main(void) { return 7; }' > a.c; gcc a.c -o a; ./a; echo $?";
    check("/usr/bin/gcc", compile, "7");
}
