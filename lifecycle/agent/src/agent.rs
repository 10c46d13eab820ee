//! `lifecycle agent`: one phase, as the host ordered it.
//!
//! `/slipway/job.json` says what to do, results go to where it says, events go to file descriptor 3 as one JSON object per
//! line, and the exit status is that of the lifecycle.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cnb::Environment;
use phases::{Event, Events, Job, Level};

use crate::report::chain;
use crate::runner::{InSandbox, JOB_FOLDER};

/// A line longer than this is not sent: the host reads no longer ones.
const MOST_LINE_BYTES: usize = 1024 * 1024;

/// The build user of our base images (docs/design/decisions.md 27).
const USER: u32 = 1001;
const GROUP: u32 = 1000;

/// The exit status for what is no phase's own failure.
const FAILED: u8 = 1;

pub(crate) fn run() -> u8 {
    match try_run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", chain(&*error).join(": "));
            FAILED
        }
    }
}

fn try_run() -> Result<u8, Box<dyn Error>> {
    let pipe = Pipe(Mutex::new(sandbox::events()?));
    let file = Path::new(JOB_FOLDER).join("job.json");
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("reading {}: {error}", file.display()))?;
    let job: Job = serde_json::from_str(&text)?;
    let environ = Environment::new(env::vars_os());
    let runner = InSandbox::new(
        &job,
        id(&environ, "CNB_USER_ID", USER)?,
        id(&environ, "CNB_GROUP_ID", GROUP)?,
    );
    match phases::run_job(&job, &environ, &runner, &pipe) {
        Ok(()) => Ok(0),
        Err(error) => Ok(u8::try_from(error.code()).unwrap_or(FAILED)),
    }
}

fn id(environ: &Environment, name: &str, default: u32) -> Result<u32, Box<dyn Error>> {
    let value = environ.get(OsStr::new(name));
    if value.is_empty() {
        return Ok(default);
    }
    let number = value.to_str().and_then(|value| value.parse().ok());
    Ok(number.ok_or_else(|| format!("{name} is {}, not a number", value.display()))?)
}

/// Events as lines.
struct Pipe(Mutex<File>);

impl Events for Pipe {
    fn tell(&self, event: Event) {
        let line = line(&event);
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A host that does not listen any more has ended the build.
        let _ = pipe.write_all(&line);
    }
}

fn line(event: &Event) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    if line.is_empty() || line.len() >= MOST_LINE_BYTES {
        let told = Event::Said {
            level: Level::Warning,
            text: format!("an event of {} bytes was left out", line.len()),
        };
        line = serde_json::to_vec(&told).unwrap_or_default();
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_and_never_longer_than_the_host_reads() {
        let said = |text: String| Event::Said {
            level: Level::Info,
            text,
        };
        let short = line(&said("a\nb".to_owned()));
        assert_eq!(
            short.iter().position(|byte| *byte == b'\n'),
            Some(short.len() - 1)
        );
        let long = line(&said("x".repeat(2 * MOST_LINE_BYTES)));
        assert!(long.len() < MOST_LINE_BYTES);
        assert!(serde_json::from_slice::<Event>(&long).is_ok());
    }
}
