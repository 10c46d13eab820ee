//! What this machine allows, and what is in the way.

use serde::Serialize;

use crate::error::Result;
use crate::host::Host;

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub what: String,
    pub state: Health,
    pub detail: String,
    /// One line that the user can act on; empty when all is well.
    pub fix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Works,
    /// Missing, and everything works without it.
    Reduced,
    /// Missing, and nothing can be built without it.
    Refused,
}

/// Less than this is too little for a first build: bases, their unpacked layers, the image.
const ROOMY_BYTES: u64 = 2 << 30;

/// Tries what builds need: the sandbox first, then folders and disk.
pub fn examine(host: &Host<'_>) -> Result<Vec<Row>> {
    host.state.create()?;
    let id = host.id()?;
    let mut rows: Vec<Row> = sandbox::probe::probe(&id)
        .rows
        .into_iter()
        .map(row)
        .collect();
    rows.push(row(sandbox::probe::copy_on_write(
        &id,
        &host.state.builds(),
    )));
    rows.push(disk(host));
    rows.push(certificates(host));
    Ok(rows)
}

fn row(tried: sandbox::probe::Row) -> Row {
    let state = match tried.state {
        sandbox::probe::State::Works => Health::Works,
        sandbox::probe::State::Reduced => Health::Reduced,
        sandbox::probe::State::Refused => Health::Refused,
    };
    Row {
        what: tried.what,
        state,
        detail: tried.detail,
        fix: tried.fix,
    }
}

fn disk(host: &Host<'_>) -> Row {
    let what = "free disk space".to_owned();
    let folder = host.state.layers();
    match files::Dir::open(&folder).and_then(|dir| dir.free_bytes()) {
        Ok(bytes) => {
            let roomy = bytes >= ROOMY_BYTES;
            let detail = format!("{} MB below {}", bytes / 1_000_000, folder.display());
            let fix = if roomy {
                String::new()
            } else {
                "free some space, or choose another place with SLIPWAY_HOME=FOLDER".to_owned()
            };
            Row {
                what,
                state: if roomy {
                    Health::Works
                } else {
                    Health::Reduced
                },
                detail,
                fix,
            }
        }
        Err(error) => Row {
            what,
            state: Health::Refused,
            detail: error.to_string(),
            fix: "choose another place with SLIPWAY_HOME=FOLDER".to_owned(),
        },
    }
}

fn certificates(host: &Host<'_>) -> Row {
    let what = "certificate authorities".to_owned();
    match host.caller.certificates() {
        Ok(Some(bundle)) => {
            let detail = format!("a bundle of {} kB goes into builds", bundle.len() / 1000);
            Row {
                what,
                state: Health::Works,
                detail,
                fix: String::new(),
            }
        }
        Ok(None) => {
            let detail = "none on this machine; builds use those of the build image".to_owned();
            Row {
                what,
                state: Health::Works,
                detail,
                fix: String::new(),
            }
        }
        Err(error) => Row {
            what,
            state: Health::Reduced,
            detail: error.to_string(),
            fix: "correct or unset SSL_CERT_FILE".to_owned(),
        },
    }
}
