//! Which version of Python the application asks for, and where it says so.

use std::path::Path;

use toolkit::{Context, Failure, Result, read_text};

use crate::version::Accepted;

/// A version that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// As written: `3.12`, `>=3.9,<4`.
    pub(crate) text: String,
    /// A variable, or a file with its line or key.
    pub(crate) place: String,
    pub(crate) accepted: Accepted,
}

/// The first place that says something decides: variables, `.python-version`, `requires-python`, Pipfile, Poetry,
/// `.tool-versions`, mise.toml, runtime.txt.
pub(crate) fn wanted(cx: &Context<'_>) -> Result<Option<Wanted>> {
    for name in ["BP_PYTHON_VERSION", "BP_CPYTHON_VERSION"] {
        if let Some(text) = cx.variable(name)? {
            return understood(text, name.to_owned()).map(Some);
        }
    }
    for place in [
        python_version_file,
        requires_python,
        pipfile,
        poetry,
        tool_versions,
        mise,
        runtime_txt,
    ] {
        if let Some((text, place)) = place(&cx.app)? {
            return understood(&text, place).map(Some);
        }
    }
    Ok(None)
}

fn understood(text: &str, place: String) -> Result<Wanted> {
    let accepted = Accepted::parse(text).ok_or_else(|| {
        Failure::new(
            "SLP-PYT-002",
            format!("`{text}` is no version of CPython that can be understood"),
        )
        .at(place.clone())
        .help("write a version such as 3.13, or a range such as >=3.11,<4")
    })?;
    Ok(Wanted {
        text: text.to_owned(),
        place,
        accepted,
    })
}

/// What was found, and where.
type Found = Option<(String, String)>;

fn python_version_file(app: &Path) -> Result<Found> {
    let file = ".python-version";
    let line = first_line(app, file, |line| Some(line.to_owned()))?;
    Ok(line.filter(|(text, _)| text != "system"))
}

fn tool_versions(app: &Path) -> Result<Found> {
    first_line(app, ".tool-versions", |line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("python")).then(|| words.next().map(str::to_owned))?
    })
}

fn runtime_txt(app: &Path) -> Result<Found> {
    first_line(app, "runtime.txt", |line| {
        Some(line.strip_prefix("python-").unwrap_or(line).to_owned())
    })
}

/// The first line, comments and blank ones left out, for which `each` has an answer.
fn first_line(app: &Path, file: &str, each: impl Fn(&str) -> Option<String>) -> Result<Found> {
    let text = read_text(&app.join(file))?.unwrap_or_default();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        if let Some(found) = each(line) {
            return Ok(Some((found, format!("{file}:{}", index + 1))));
        }
    }
    Ok(None)
}

fn requires_python(app: &Path) -> Result<Found> {
    from_toml(app, "pyproject.toml", &[&["project", "requires-python"]])
}

fn poetry(app: &Path) -> Result<Found> {
    from_toml(
        app,
        "pyproject.toml",
        &[&["tool", "poetry", "dependencies", "python"]],
    )
}

fn pipfile(app: &Path) -> Result<Found> {
    from_toml(
        app,
        "Pipfile",
        &[
            &["requires", "python_full_version"],
            &["requires", "python_version"],
        ],
    )
}

fn mise(app: &Path) -> Result<Found> {
    from_toml(app, "mise.toml", &[&["tools", "python"]])
}

/// The first of the keys that is there and a text. A file that is no TOML is for those to complain about whose file it
/// is; it says nothing here.
fn from_toml(app: &Path, file: &str, keys: &[&[&str]]) -> Result<Found> {
    let text = read_text(&app.join(file))?.unwrap_or_default();
    let Ok(table) = text.parse::<toml::Table>() else {
        return Ok(None);
    };
    let table = toml::Value::Table(table);
    let found = keys.iter().find_map(|key| {
        let value = key.iter().try_fold(&table, |value, name| value.get(name))?;
        Some((
            value.as_str()?.to_owned(),
            format!("{file}: {}", key.join(".")),
        ))
    });
    Ok(found)
}
