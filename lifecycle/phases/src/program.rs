//! Starting a buildpack's program, and telling of it.

use std::ffi::OsStr;
use std::path::PathBuf;
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

/// Says in plain words what would otherwise be an error of the system: no program, or no interpreter for it.
pub(crate) fn startable(inside: &Inside, command: &Command) -> Result<()> {
    let program = &command.program;
    let wrong = |what: &str| {
        let doing = format!("{} {what}", program.display());
        Err(Error::new(ErrorKind::Start, doing))
    };
    match inside.stat(program)? {
        None => return wrong("does not exist"),
        Some(stat) if stat.kind != Kind::File => return wrong("is not a file"),
        Some(stat) if stat.mode & 0o111 == 0 => return wrong("is not executable"),
        Some(_) => {}
    }
    // Elsewhere the runner knows what there is.
    if !inside.is_this_machine() {
        return Ok(());
    }
    let line = inside.first_line(program, FIRST_LINE)?;
    let Some((interpreter, argument)) = line.and_then(shebang) else {
        return Ok(());
    };
    if !inside.exists(&interpreter) {
        let needs = format!("needs {}, which is not there", interpreter.display());
        return wrong(&needs);
    }
    let by_env = interpreter.file_name() == Some(OsStr::new("env"));
    match argument.filter(|argument| by_env && !argument.starts_with('-')) {
        Some(name) if !is_on_path(&name, command) => {
            wrong(&format!("needs {name}, which is not in PATH"))
        }
        _ => Ok(()),
    }
}

/// As much of a program as Linux looks at.
const FIRST_LINE: usize = 256;

/// The interpreter of a script and the first word after it.
fn shebang(line: Vec<u8>) -> Option<(PathBuf, Option<String>)> {
    let line = String::from_utf8(line).ok()?;
    let mut words = line.strip_prefix("#!")?.split_ascii_whitespace();
    let interpreter = words.next().filter(|word| word.starts_with('/'))?;
    Some((interpreter.into(), words.next().map(str::to_owned)))
}

fn is_on_path(name: &str, command: &Command) -> bool {
    let path = command
        .env
        .iter()
        .find(|(variable, _)| variable == "PATH")
        .map(|(_, value)| value);
    path.is_some_and(|path| which::which_in(name, Some(path), &command.dir).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(&str, Option<&str>)>) {
        let found = shebang(line.as_bytes().to_vec());
        let expected = expected.map(|(path, word)| (PathBuf::from(path), word.map(str::to_owned)));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn the_interpreter_of_a_script_is_found_in_its_first_line() {
        check("#!/bin/sh", Some(("/bin/sh", None)));
        check(
            "#! /usr/bin/env  python3 -u",
            Some(("/usr/bin/env", Some("python3"))),
        );
        check("#!bash", None);
        check("\u{7f}ELF", None);
        check("echo", None);
    }
}
