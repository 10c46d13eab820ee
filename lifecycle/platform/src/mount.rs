//! An image's files as a folder of this machine, for one program of the caller: a shell to look around, or any command.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use oci::{Images, Reference};
use sandbox::{Command, Exit, View};

use crate::error::{Doing, Error, ErrorKind, Result};
use crate::event::Event;
use crate::host::Host;
use crate::name::familiar;
use crate::rootfs;
use crate::run::no_image;
use crate::workdir::Workdir;

/// Tells the program where the image is.
pub const VARIABLE: &str = "SLIPWAY_MOUNT";
const SHELL: &str = "/bin/sh";
/// Ctrl-C; a program on the terminal of ours got it already.
const INTERRUPT: i32 = 2;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;

/// Runs one of the caller's own programs in a folder that shows the files of an image, read-only; the caller's shell without `command`.
/// Gives its exit status as a shell would.
///
/// Only that program and what it starts see the folder's contents, which are gone with it. Nothing in the image runs.
pub fn mount(host: &Host<'_>, name: &Reference, command: &[OsString]) -> Result<i32> {
    let store = host.images()?;
    host.sweep()?;
    let image = store
        .find(name)
        .doing(format!("looking for {}", name.as_typed()))?;
    let image = image.ok_or_else(|| no_image(name))?;
    host.events.tell(Event::Working {
        what: "unpacking the image".to_owned(),
    });
    let rootfs = rootfs::unpack(&image, &host.state.layers(), host.id()?)?;
    host.events.tell(Event::Worked);
    let workdir = Workdir::create(&host.state.runs(), host.stop)?;
    let at = workdir.path().join(folder_name(name));
    std::fs::create_dir(&at).doing("making the folder for the image")?;
    let at = at.canonicalize().doing("making the folder for the image")?;

    let asked = Asked::of(host, command);
    if command.is_empty() {
        let text = format!(
            "the files of {} are in {}, read-only, for this shell alone; `exit` ends it",
            familiar(name),
            at.display()
        );
        host.events.tell(Event::Note { text });
    }
    let view = View {
        lower: rootfs.layers.clone(),
        at: at.clone(),
    };
    host.stop.check()?;
    let viewer = view
        .start(&asked.command(host, &at))
        .map_err(|cause| not_started(cause, name, &asked))?;
    let pass_on = |signal, _| {
        if signal != INTERRUPT {
            let _ = viewer.signal(signal);
        }
    };
    let exit = host
        .stop
        .during(pass_on, || viewer.wait())
        .doing("waiting for the command")?;
    Ok(match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
    })
}

/// What is to be started: a program of this machine.
struct Asked {
    program: PathBuf,
    args: Vec<OsString>,
}

impl Asked {
    fn of(host: &Host<'_>, command: &[OsString]) -> Asked {
        let shell = host.caller.variable("SHELL").unwrap_or(OsStr::new(SHELL));
        match command {
            [] => Asked {
                program: shell.into(),
                args: Vec::new(),
            },
            [program, args @ ..] => Asked {
                program: program.into(),
                args: args.to_vec(),
            },
        }
    }

    fn command(&self, host: &Host<'_>, at: &Path) -> Command {
        Command {
            program: self.program.clone(),
            args: self.args.clone(),
            env: host
                .caller
                .all()
                .filter(|(name, _)| *name != VARIABLE)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .chain([(VARIABLE.into(), at.into())])
                .collect(),
            dir: at.to_owned(),
        }
    }
}

/// The most likely mistake is a program that only the image has.
fn not_started(cause: sandbox::Error, name: &Reference, asked: &Asked) -> Error {
    let program = asked.program.display();
    if !matches!(
        cause.kind(),
        sandbox::ErrorKind::Exec {
            errno: ENOENT | EACCES
        }
    ) {
        return Error::about(cause, format!("mounting {}", name.as_typed()));
    }
    let text = format!("this machine has no program {program}");
    Error::new(ErrorKind::Usage, text)
        .because(cause)
        .help("the command is one of this machine, such as ls, find or your editor; it starts in the image's top folder")
        .help(format!(
            "to run a program of the image: slipway run {} -- {program}",
            name.as_typed()
        ))
}

/// The last part of the image's name, which a shell shows in its prompt.
fn folder_name(name: &Reference) -> &str {
    let path = name.repository().path();
    path.rsplit('/').next().unwrap_or(path)
}
