//! What a sandbox knows about the network: its namespace, its loopback, its name servers.

use std::fs;
use std::path::Path;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::system::sethostname;
use rustix::thread::UnshareFlags;

use crate::error::Context;
use crate::scaffold::Scaffold;
use crate::{Network, Result, sys};

impl Network {
    pub(crate) fn namespace(self) -> UnshareFlags {
        match self {
            Network::None => UnshareFlags::NEWNET,
            Network::Host => UnshareFlags::empty(),
        }
    }

    /// Sets this namespace's loopback and host name up.
    pub(crate) fn prepare(self, hostname: &str) -> Result<()> {
        if self == Network::None {
            let doing = "bringing the loopback interface up";
            let flags = SocketFlags::CLOEXEC;
            let socket =
                socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None).doing(doing)?;
            sys::loopback_up(std::os::fd::AsFd::as_fd(&socket)).doing(doing)?;
        }
        // Refused in podman's containers, and of no consequence there.
        let _ = sethostname(hostname.as_bytes());
        Ok(())
    }

    /// Writes the files by which programs find names.
    pub(crate) fn describe(self, hostname: &str, scaffold: &Scaffold<'_>) -> Result<()> {
        let of_host = |path: &str| match self {
            Network::Host => fs::read(path).unwrap_or_default(),
            Network::None => Vec::new(),
        };
        let mut hosts = of_host("/etc/hosts");
        if hosts.is_empty() {
            hosts = b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n".to_vec();
        }
        if !hosts.ends_with(b"\n") {
            hosts.push(b'\n');
        }
        hosts.extend(format!("127.0.0.1\t{hostname}\n").into_bytes());
        scaffold.file(Path::new("/etc/hosts"), &hosts)?;
        scaffold.file(Path::new("/etc/resolv.conf"), &of_host("/etc/resolv.conf"))?;
        scaffold.file(
            Path::new("/etc/hostname"),
            format!("{hostname}\n").as_bytes(),
        )
    }
}
