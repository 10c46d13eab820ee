//! Starting a buildpack's program, and telling of it.

use std::path::Path;
use std::time::Instant;

use files::Kind;

use crate::inside::Inside;
use crate::output::Output;
use crate::{Command, Error, ErrorKind, Event, Exit, Result, Workshop};

/// Runs the program; tells of its begin, output and end. `written` becomes the end of what it wrote.
pub(crate) fn execute(cx: &Workshop<'_>, command: &Command, written: &mut String) -> Result<Exit> {
    let element = &command.element;
    let phase = command.phase;
    cx.events.tell(Event::Running {
        phase,
        element: element.clone(),
    });
    let since = Instant::now();
    let output = Output::new(phase, element, cx.events);
    let exit = cx
        .runner
        .run(command, &|stream, piece| output.take(stream, piece));
    *written = output.finish();
    let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    cx.events.tell(Event::Ran {
        phase,
        element: element.clone(),
        exit: exit.as_ref().ok().copied(),
        millis,
    });
    exit
}

/// Says in plain words what would otherwise be an error of the system.
pub(crate) fn startable(inside: &Inside, program: &Path) -> Result<()> {
    let wrong = |what: &str| {
        Err(Error::new(
            ErrorKind::Start,
            format!("{} {what}", program.display()),
        ))
    };
    match inside.stat(program)? {
        None => wrong("does not exist"),
        Some(stat) if stat.kind != Kind::File => wrong("is not a file"),
        Some(stat) if stat.mode & 0o111 == 0 => wrong("is not executable"),
        Some(_) => Ok(()),
    }
}
