//! Runs the interpreter of an unpacked base image, such as python for its bytecode, in the sandbox.

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use files::{Dir, Kind};
use sandbox::{Command, Exit, From, HostId, Io, Limits, Mount, Network, Root, Sandbox, Stage};

use crate::error::Result;
use crate::host::Host;
use crate::output;

/// Compiling a standard library takes seconds.
const LIMIT: Duration = Duration::from_mins(10);

pub(crate) struct Sandboxed {
    id: HostId,
}

impl Sandboxed {
    pub(crate) fn new(host: &Host<'_>) -> Result<Sandboxed> {
        Ok(Sandboxed { id: host.id()? })
    }
}

impl debian::Interpreter for Sandboxed {
    fn run(
        &self,
        root: &Path,
        program: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> std::result::Result<(), Box<dyn Error + Send + Sync>> {
        self.id.give(root)?;
        let sandbox = Sandbox {
            root: Root::ReadOnly {
                lower: vec![root.to_owned()],
            },
            mounts: writable_folders(root)?,
            network: Network::None,
            uid: 0,
            gid: 0,
            hostname: "slipway".to_owned(),
            limits: Limits::default(),
            stage: Stage::Payload,
        };
        let command = Command {
            program: PathBuf::from(program),
            args: args.iter().map(OsString::from).collect(),
            env: env
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            dir: PathBuf::from("/"),
        };
        let mut running = sandbox.start(&self.id, &command, Io::Pipes)?;
        let said = output::tails(&mut running, |running| running.wait(Some(LIMIT)));
        match said.exit? {
            Exit::Code(0) => Ok(()),
            exit => Err(format!("{program} in the sandbox: {exit:?}\n{}", said.text).into()),
        }
    }
}

/// The tree itself over the read-only view of it, one mount per folder: what is written there stays.
fn writable_folders(root: &Path) -> std::result::Result<Vec<Mount>, files::Error> {
    const OF_THE_SANDBOX: [&str; 5] = ["dev", "proc", "sys", "run", "tmp"];
    let mut mounts = Vec::new();
    for entry in Dir::open(root)?.entries()? {
        let reserved = OF_THE_SANDBOX.iter().any(|name| entry.name == *name);
        if entry.kind == Kind::Dir && !reserved {
            let at = Path::new("/").join(&entry.name);
            mounts.push(Mount {
                from: From::Bind(root.join(&entry.name)),
                at,
                writable: true,
            });
        }
    }
    Ok(mounts)
}
