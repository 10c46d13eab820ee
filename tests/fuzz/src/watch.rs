//! The process that watches: it sees how the other one ends, and keeps the input that ended it.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::child::HEAD;
use crate::target::memory;

/// One input takes microseconds; this long it takes on no machine.
const ONE_INPUT: Duration = Duration::from_secs(10);
/// Making samples.
const START: Duration = Duration::from_mins(2);

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// In time, with what it printed.
    Well(String),
    /// Of a bug, with what it said and the input that found it.
    Badly { how: String, input: Vec<u8> },
}

/// Runs a target in a process of its own; `program` is this rig's.
pub fn run(program: &Path, target: &str, seconds: u64, seed: u64) -> Result<Ended> {
    let folder = memory()?;
    let input = folder.path().join("input");
    let said = folder.path().join("said");
    let mut child = Command::new(program)
        .args(["child", target, &seconds.to_string(), &seed.to_string()])
        .arg(&input)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&said)?)
        .spawn()?;
    let is_stuck = !ends(&mut child, &input)?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(Ended::Well(
            String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        ));
    }
    let stderr = std::fs::read(&said)?;
    let stderr = String::from_utf8_lossy(&stderr);
    let how = match output.status.signal() {
        _ if is_stuck => format!("one input took more than {} s", ONE_INPUT.as_secs()),
        Some(signal) => format!("signal {signal}: {}", stderr.trim()),
        None => format!("{}: {}", output.status, stderr.trim()),
    };
    let bytes = std::fs::read(&input).unwrap_or_default();
    let length = number(&bytes, 8).unwrap_or_default();
    let input = bytes.get(HEAD..).unwrap_or_default();
    let input = input.get(..usize::try_from(length)?).unwrap_or_default();
    Ok(Ended::Badly {
        how,
        input: input.to_vec(),
    })
}

/// False when it had to be ended because it did not come to the next input.
fn ends(child: &mut Child, input: &Path) -> Result<bool> {
    let begin = Instant::now();
    let (mut at, mut since) = (None, Instant::now());
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        let now = std::fs::read(input)
            .ok()
            .and_then(|bytes| number(&bytes, 0));
        if now != at {
            (at, since) = (now, Instant::now());
        }
        let patience = if at.is_some() { ONE_INPUT } else { START };
        if since.elapsed() > patience && begin.elapsed() > patience {
            child.kill()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// Keeps an input that found a bug, and says how it is tried again.
pub fn keep(target: &str, input: &[u8]) -> Result<PathBuf> {
    let hash: String = blake3::hash(input).to_hex().chars().take(16).collect();
    let path = std::env::temp_dir().join(format!("slipway-fuzz-{target}-{hash}"));
    std::fs::write(&path, input)?;
    Ok(path)
}
