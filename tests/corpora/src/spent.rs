//! What a program and all it starts cost.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::Result;

/// Of one run, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    /// User and system time of the program and everything it waited for.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
}

impl Spent {
    pub(crate) const MOST: Spent = Spent {
        cpu: f64::INFINITY,
        wall: f64::INFINITY,
    };

    pub(crate) const NOTHING: Spent = Spent {
        cpu: 0.0,
        wall: 0.0,
    };

    /// The least of both; they may come from different runs.
    pub(crate) fn least(self, other: Spent) -> Spent {
        Spent {
            cpu: self.cpu.min(other.cpu),
            wall: self.wall.min(other.wall),
        }
    }
}

impl std::ops::Add for Spent {
    type Output = Spent;

    fn add(self, other: Spent) -> Spent {
        Spent {
            cpu: self.cpu + other.cpu,
            wall: self.wall + other.wall,
        }
    }
}

/// Runs a line of bash, with `args` as its `$1`, `$2`, …; returns its standard output and what it cost.
///
/// bash's `time` asks getrusage, so that programs of every kind are measured alike.
pub(crate) fn measured<A: AsRef<OsStr>>(line: &str, args: &[A]) -> Result<(String, Spent)> {
    let script = format!("set -euo pipefail; TIMEFORMAT='%3U %3S %3R'; time {{ {line}; }}");
    let output = Command::new("bash")
        .args(["-c", &script, "bash"])
        .args(args)
        // Seconds with a point.
        .env("LC_ALL", "C")
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{line}: {}: {told}", output.status).into());
    }
    let spent = told.lines().next_back().and_then(read);
    let spent = spent.ok_or_else(|| format!("{line}: no times in {told:?}"))?;
    Ok((String::from_utf8(output.stdout)?, spent))
}

/// Seconds of user, system and wall time.
fn read(line: &str) -> Option<Spent> {
    let times: Vec<f64> = line
        .split(' ')
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    let [user, system, wall] = times[..] else {
        return None;
    };
    Some(Spent {
        cpu: user + system,
        wall,
    })
}

/// The bytes of all files below a folder.
pub(crate) fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += bytes_below(&entry.path())?;
        } else if kind.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

#[allow(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_and_everything_else_is_refused() {
        let expected = Spent {
            cpu: 1.75,
            wall: 2.0,
        };
        assert_eq!(read("1.500 0.250 2.000"), Some(expected));
        assert_eq!(read("1.500 0.250"), None);
        assert_eq!(read("1,500 0,250 2,000"), None);
    }

    #[test]
    fn a_program_that_works_costs_time_and_one_that_fails_is_an_error() {
        let (out, spent) = measured(
            "i=0; while ((i < 20000)); do i=$((i + 1)); done; echo $i",
            &[""; 0],
        )
        .unwrap();
        assert_eq!(out, "20000\n");
        assert!(spent.cpu > 0.0 && spent.wall > 0.0, "{spent:?}");
        assert!(measured("false | cat", &[""; 0]).is_err());
    }
}
