//! Errors: what failed, why, what is unchanged, and what the user can do.

use std::error::Error as _;
use std::fmt::Write as _;

use platform::{Error, ErrorKind};
use serde_json::json;

use super::style::{Style, harmless};
use crate::exit::class;

/// The error as text for people, ending with a newline. `state` says what is unchanged or half done.
pub(crate) fn text(error: &Error, state: Option<&str>, style: Style) -> String {
    let class = class(error.kind());
    let head = style.red(&format!("error[{}]", class.code));
    let mut text = format!("{head}: {}\n", title(error));
    for cause in causes(error) {
        line(&mut text, "cause", &cause);
    }
    if let Some(state) = state {
        line(&mut text, "state", state);
    }
    for action in actions(error) {
        line(&mut text, "help", &action);
    }
    text
}

/// The same for programs: one line of JSON.
pub(crate) fn json(error: &Error, state: Option<&str>) -> String {
    let class = class(error.kind());
    let value = json!({
        "code": class.code,
        "class": class.name,
        "exit": class.exit,
        "title": title(error),
        "cause": causes(error),
        "state": state,
        "help": actions(error),
        "detection": error.detection(),
    });
    format!("{value}\n")
}

/// Kinds that have a plain word say it first, whatever was being done.
fn title(error: &Error) -> String {
    let doing = harmless(&error.to_string());
    match error.kind() {
        ErrorKind::NoSpace => format!("the disk is full: {doing}"),
        ErrorKind::Offline => format!("no network: {doing}"),
        ErrorKind::Denied => format!("permission denied: {doing}"),
        ErrorKind::Sandbox => format!("this machine allows no sandbox: {doing}"),
        _ => doing,
    }
}

/// One line per link of the chain; a link that repeats the one above it is left out.
pub(crate) fn causes(error: &Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut above = error.to_string();
    let mut link = error.source();
    while let Some(cause) = link {
        let text = cause.to_string();
        if !above.ends_with(&text) {
            causes.push(lines(&text));
        }
        above = text;
        link = cause.source();
    }
    causes
}

/// Several lines stay several, indented.
fn lines(text: &str) -> String {
    text.trim()
        .lines()
        .map(harmless)
        .collect::<Vec<_>>()
        .join("\n         ")
}

fn actions(error: &Error) -> Vec<String> {
    let mut actions = error.actions().to_vec();
    match error.kind() {
        ErrorKind::NoSpace => {
            actions.push(
                "free some space: `slipway image ls`, then `slipway image rm NAME`".to_owned(),
            );
            actions.push("or keep everything elsewhere: SLIPWAY_HOME=FOLDER".to_owned());
        }
        ErrorKind::Offline if actions.is_empty() => {
            actions.push(
                "check the network; behind a proxy set HTTPS_PROXY and HTTP_PROXY".to_owned(),
            );
        }
        ErrorKind::Transient | ErrorKind::Busy if actions.is_empty() => {
            actions.push("try again later".to_owned());
        }
        _ => {}
    }
    actions
}

pub(crate) fn line(text: &mut String, word: &str, what: &str) {
    // Writing into a String does not fail.
    let _ = writeln!(text, "  {word}: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false };

    #[test]
    fn a_full_disk_is_said_plainly_with_what_to_do() {
        let error = Error::new(ErrorKind::NoSpace, "exporting the image")
            .because(std::io::Error::other("ENOSPC"));
        let expected = "error[SLP-CCH-002]: the disk is full: exporting the image\n  cause: ENOSPC\n  state: no image was changed\n  help: free some space: `slipway image ls`, then `slipway image rm NAME`\n  help: or keep everything elsewhere: SLIPWAY_HOME=FOLDER\n";
        assert_eq!(text(&error, Some("no image was changed"), PLAIN), expected);
    }

    #[test]
    fn no_network_is_said_plainly() {
        let error = Error::new(ErrorKind::Offline, "making base trixie-python");
        assert!(
            text(&error, None, PLAIN).starts_with("error[SLP-NET-001]: no network: making base")
        );
        let json: serde_json::Value = serde_json::from_str(&json(&error, None)).unwrap();
        assert_eq!(
            (json["class"].as_str(), json["exit"].as_u64()),
            (Some("transient"), Some(75))
        );
    }
}
