//! Lines of a requirements file that begin with a dash.

use toolkit::{Failure, Result};

use super::line::egg;
use super::{Place, What};

/// Short names of options.
const SHORT: [(&str, &str); 5] = [
    ("-r", "--requirement"),
    ("-c", "--constraint"),
    ("-e", "--editable"),
    ("-i", "--index-url"),
    ("-f", "--find-links"),
];

/// Options that pip allows in a file and that take a value.
const WITH_VALUE: [&str; 10] = [
    "--requirement",
    "--constraint",
    "--editable",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
];

/// Options without one.
const ALONE: [&str; 4] = ["--no-index", "--prefer-binary", "--require-hashes", "--pre"];

pub(super) fn parse(text: &str, place: &Place) -> Result<What> {
    let (name, value) = split(text);
    if ALONE.contains(&name.as_str()) && value.is_empty() {
        return Ok(What::Option { name, value: None });
    }
    if !WITH_VALUE.contains(&name.as_str()) || value.is_empty() {
        return Err(bad(text, &name, place));
    }
    let value = value.to_owned();
    Ok(match name.as_str() {
        "--requirement" => What::Requirements(value),
        "--constraint" => What::Constraints(value),
        "--editable" => editable(value),
        _ => What::Option {
            name,
            value: Some(value),
        },
    })
}

/// `-r x`, `-rx`, `--requirement x` and `--requirement=x` are the same.
fn split(text: &str) -> (String, &str) {
    for (short, long) in SHORT {
        if let Some(value) = text.strip_prefix(short) {
            return (long.to_owned(), unquoted(value.trim_start_matches('=')));
        }
    }
    let end = text
        .find(|c: char| c.is_whitespace() || c == '=')
        .unwrap_or(text.len());
    let (name, value) = text.split_at(end);
    (name.to_owned(), unquoted(value.trim_start_matches('=')))
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        let inside = value
            .strip_prefix(quote)
            .and_then(|v| v.strip_suffix(quote));
        if let Some(inside) = inside {
            return inside;
        }
    }
    value
}

fn editable(value: String) -> What {
    if value.contains("://") && !value.starts_with("file:") {
        return What::Url {
            name: egg(&value),
            url: value,
            hashed: false,
        };
    }
    What::Local {
        path: value,
        editable: true,
    }
}

fn bad(text: &str, name: &str, place: &Place) -> Failure {
    let known = WITH_VALUE.contains(&name);
    let what = if known {
        format!("{place}: {name} needs a value")
    } else {
        format!("{place}: {name} is no option of a requirements file")
    };
    Failure::new("SLP-PYT-101", what)
        .at(format!("{place}  {}", toolkit::without_user_info(text)))
        .state("nothing was downloaded")
        .help("options that may stand there: https://pip.pypa.io/en/stable/reference/requirements-file-format/")
}
