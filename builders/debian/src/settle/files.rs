//! Folders, links and defaults that base-files, libc-bin, tzdata, netbase and readline-common make when they are configured.

use crate::error::Result;
use crate::tree::{Kind, Tree};

/// Group of `/var/mail`.
const MAIL: u32 = 8;

/// Links at the root into `/usr`, where base-files does not ship them.
pub(super) fn merge_usr(tree: &mut Tree) -> Result<()> {
    for name in ["bin", "lib", "sbin"] {
        if !tree.has(name) {
            tree.add_link(name, &format!("usr/{name}"))?;
        }
    }
    if tree.has("usr/lib64") && !tree.has("lib64") {
        tree.add_link("lib64", "usr/lib64")?;
    }
    Ok(())
}

/// base-files' postinst.
pub(super) fn base(tree: &mut Tree) -> Result<()> {
    let plain = [
        "etc/opt",
        "home",
        "media",
        "mnt",
        "opt",
        "srv",
        "var/cache",
        "var/lib",
        "var/log",
        "var/opt",
        "var/spool",
    ];
    let local = [
        "bin",
        "etc",
        "games",
        "include",
        "lib",
        "libexec",
        "sbin",
        "share",
        "share/man",
        "src",
    ];
    for path in plain {
        if !tree.has(path) {
            tree.add_dir(path, 0o755, 0, 0)?;
        }
    }
    for name in local {
        tree.add_dir(&format!("usr/local/{name}"), 0o755, 0, 0)?;
    }
    tree.add_link("usr/local/man", "share/man")?;
    tree.add_dir("root", 0o700, 0, 0)?;
    for path in ["run/lock", "tmp", "var/tmp"] {
        tree.add_dir(path, 0o1777, 0, 0)?;
    }
    tree.add_link("var/run", "/run")?;
    tree.add_link("var/lock", "/run/lock")?;
    tree.add_dir("var/mail", 0o2775, 0, MAIL)?;
    tree.add_link("var/spool/mail", "../mail")
}

/// Defaults that are copied or written once, and what every container has.
pub(super) fn defaults(tree: &mut Tree) -> Result<()> {
    let copies = [
        ("usr/share/base-files/profile", "etc/profile"),
        ("usr/share/base-files/dot.profile", "root/.profile"),
        ("usr/share/base-files/dot.bashrc", "root/.bashrc"),
        ("usr/share/base-files/motd", "etc/motd"),
        ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
        ("usr/share/readline/inputrc", "etc/inputrc"),
    ];
    for (from, to) in copies {
        if let Some(bytes) = tree.read(from.as_bytes())?
            && !tree.has(to)
        {
            tree.add_file(to, &bytes, 0o644)?;
        }
    }
    if !tree.has("etc/nsswitch.conf") {
        // Without libc-bin: what its file says, as far as programs of ours need it.
        tree.add_file(
            "etc/nsswitch.conf",
            b"passwd: files\ngroup: files\nhosts: files dns\n",
            0o644,
        )?;
    }
    if tree.has("etc/dpkg/origins/debian") {
        tree.add_link("etc/dpkg/origins/default", "debian")?;
    }
    if tree.has("usr/share/zoneinfo/Etc/UTC") {
        tree.add_link("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")?;
        tree.add_file("etc/timezone", b"Etc/UTC\n", 0o644)?;
    }
    // netbase's postinst; runtimes put their own over the first.
    tree.add_file("etc/hosts", HOSTS.as_bytes(), 0o644)?;
    tree.add_file("etc/networks", NETWORKS.as_bytes(), 0o644)?;
    // Places a runtime mounts over; without them a read-only root could not be started.
    tree.add_file("etc/hostname", b"localhost\n", 0o644)?;
    tree.add_file("etc/resolv.conf", b"", 0o644)?;
    for path in ["dev", "proc", "sys"] {
        tree.add_dir(path, 0o755, 0, 0)?;
    }
    if is_program(tree, "usr/bin/dash") && !tree.has("usr/bin/sh") {
        tree.add_link("usr/bin/sh", "dash")?;
    }
    Ok(())
}

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n";
const NETWORKS: &str = "default\t\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n";

fn is_program(tree: &Tree, path: &str) -> bool {
    let node = tree.nodes.get(path.as_bytes());
    node.is_some_and(|node| matches!(node.kind, Kind::File(_)))
}
