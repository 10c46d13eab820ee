//! What one line of a requirements file says.
//!
//! Spec: <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>

use toolkit::{Failure, Result};

use super::{Place, options};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A distribution on an index.
    Package(Package),
    /// An archive or a repository: `name @ https://…`, `git+https://…`.
    Url {
        name: Option<String>,
        url: String,
        hashed: bool,
    },
    /// A folder or an archive on this machine, as written.
    Local { path: String, editable: bool },
    /// `-r`; a path as written, or a URL.
    Requirements(String),
    /// `-c`
    Constraints(String),
    /// Any other option, by its long name.
    Option { name: String, value: Option<String> },
}

/// A requirement of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// As written.
    pub(crate) name: String,
    /// `==2.9.9`, `>=1,<2`; empty is any version.
    pub(crate) specifier: String,
    /// What follows `;`.
    pub(crate) marker: String,
    pub(crate) hashed: bool,
}

impl Package {
    /// Does it name exactly one version?
    pub(crate) fn is_pinned(&self) -> bool {
        let version = self
            .specifier
            .strip_prefix("===")
            .or_else(|| self.specifier.strip_prefix("=="));
        version.is_some_and(|version| !version.contains([',', '*']))
    }
}

impl What {
    /// The distribution's name, where the line has one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            What::Package(package) => Some(&package.name),
            What::Url { name, .. } => name.as_deref(),
            _ => None,
        }
    }
}

/// The name by which distributions are compared: lower case, runs of `-`, `_` and `.` as one `-`.
pub(crate) fn normalized(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let parts = lower.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

pub(super) fn parse(text: &str, place: &Place) -> Result<What> {
    if text.starts_with('-') {
        return options::parse(text, place);
    }
    let (text, options) = split_options(text);
    let hashed = options.contains("--hash");
    if is_url(text) {
        return Ok(What::Url {
            name: egg(text),
            url: text.to_owned(),
            hashed,
        });
    }
    if is_path(text) {
        return Ok(What::Local {
            path: text.to_owned(),
            editable: false,
        });
    }
    requirement(text, hashed).map_err(|wrong| bad(text, &wrong, place))
}

/// Options of one requirement follow it: ` --hash=…`, ` --config-settings=…`.
fn split_options(text: &str) -> (&str, &str) {
    match text.find(" --") {
        Some(at) => {
            let (before, after) = text.split_at(at);
            (before.trim_end(), after)
        }
        None => (text, ""),
    }
}

fn is_url(text: &str) -> bool {
    let scheme = text.split("://").next().unwrap_or_default();
    scheme.len() < text.len()
        && !scheme.is_empty()
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// The name that old tools put behind a URL: `#egg=name`.
pub(super) fn egg(url: &str) -> Option<String> {
    let name = url.split("#egg=").nth(1)?;
    let end = name.find(['&', '[']).unwrap_or(name.len());
    name.get(..end).map(str::to_owned)
}

/// As pip decides: a separator, a leading dot, or the name of an archive; a direct reference is none.
fn is_path(text: &str) -> bool {
    let path = text
        .split([';', '[', '@'])
        .next()
        .unwrap_or_default()
        .trim();
    let archive = [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"];
    path.starts_with('.')
        || path.contains('/')
        || (archive.iter().any(|end| path.ends_with(end)) && !path.contains(['=', '<', '>']))
}

/// What is wrong with a requirement.
struct Wrong {
    /// `an operator such as == expected`
    expected: &'static str,
    /// Where, in bytes from the start.
    at: usize,
}

fn requirement(text: &str, hashed: bool) -> std::result::Result<What, Wrong> {
    let name_end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    if !is_name(name) {
        return Err(Wrong {
            expected: "the name of a package",
            at: 0,
        });
    }
    let rest = extras(rest).map_err(|expected| Wrong {
        expected,
        at: name_end,
    })?;
    if let Some(url) = rest.strip_prefix('@') {
        let url = url.split(" ;").next().unwrap_or_default().trim();
        return Ok(What::Url {
            name: Some(name.to_owned()),
            url: url.to_owned(),
            hashed,
        });
    }
    let (specifier, marker) = rest.split_once(';').unwrap_or((rest, ""));
    let specifier = specifiers(specifier).map_err(|expected| Wrong {
        expected,
        at: text.len() - rest.len(),
    })?;
    Ok(What::Package(Package {
        name: name.to_owned(),
        specifier,
        marker: marker.trim().to_owned(),
        hashed,
    }))
}

fn is_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(name.chars().next()) && ends(name.chars().last())
}

/// What follows `[extras]`.
fn extras(text: &str) -> std::result::Result<&str, &'static str> {
    let text = text.trim_start();
    let Some(inside) = text.strip_prefix('[') else {
        return Ok(text);
    };
    let (names, rest) = inside.split_once(']').ok_or("a closing ]")?;
    let mut names = names.split(',').map(str::trim);
    if names.all(|name| name.is_empty() || is_name(name)) {
        Ok(rest.trim_start())
    } else {
        Err("names of extras between [ and ]")
    }
}

/// Comma-separated clauses without blanks; they may stand in parentheses.
fn specifiers(text: &str) -> std::result::Result<String, &'static str> {
    let text = text.trim();
    let text = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .unwrap_or(text);
    let mut clean = Vec::new();
    for clause in text.split(',').map(str::trim) {
        if clause.is_empty() {
            continue;
        }
        clean.push(specifier(clause)?);
    }
    Ok(clean.join(","))
}

/// Operators of versions, longest first.
const OPERATORS: [&str; 8] = ["===", "==", "!=", "<=", ">=", "~=", "<", ">"];

fn specifier(clause: &str) -> std::result::Result<String, &'static str> {
    let operator = OPERATORS
        .iter()
        .find(|operator| clause.starts_with(**operator))
        .ok_or("an operator such as ==, >= or <")?;
    let version = clause.strip_prefix(operator).unwrap_or_default().trim();
    let is_version = version.starts_with(|c: char| c.is_ascii_alphanumeric())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '!' | '*'));
    if is_version {
        Ok(format!("{operator}{version}"))
    } else {
        Err("a version after the operator")
    }
}

fn bad(text: &str, wrong: &Wrong, place: &Place) -> Failure {
    let (before, after) = text.split_at(wrong.at);
    let found = if after.trim().is_empty() {
        format!("after `{}`", before.trim())
    } else {
        format!("where it says `{}`", after.trim())
    };
    Failure::new(
        "SLP-PYT-101",
        format!("{place} is not a requirement: {} is expected {found}", wrong.expected),
    )
    .at(format!("{place}  {text}"))
    .state("nothing was downloaded")
    .help("write requirements such as flask, flask==3.1.0, requests[socks]>=2.32 ; python_version > \"3.8\"")
}
