//! A folder that stands for `/` of a build environment.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fields::Fields;

/// A temporary root, removed again.
pub(crate) struct Root(tempfile::TempDir);

impl Root {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where a name lies; `name` may begin with `/`.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name.trim_start_matches('/'))
    }

    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Writes a file, or makes a folder when the name ends with `/`.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        if name.ends_with('/') {
            return self.dir(name);
        }
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

pub(crate) fn executable(path: &Path, yes: bool) {
    let mode = if yes { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A JSON object as TOML.
pub(crate) fn toml_text(value: &Value) -> String {
    toml::to_string(&toml::Value::try_from(value).unwrap()).unwrap()
}

/// Writes what `tree` (path → content) and `links` (path → target) of a case say, below a folder.
pub(crate) fn tree(root: &Root, folder: &str, case: &Value) {
    let pairs = |key: &str| case[key].as_object().into_iter().flatten();
    for (path, content) in pairs("tree") {
        root.write(&format!("{folder}/{path}"), content.as_str().unwrap());
    }
    for (path, target) in pairs("links") {
        let link = root.at(&format!("{folder}/{path}"));
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target.as_str().unwrap(), link).unwrap();
    }
}

/// TOML as JSON in the notation of the vectors: floats and date-times are objects.
pub(crate) fn from_toml(text: &str) -> Value {
    json(&toml::Value::Table(
        toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")),
    ))
}

pub(crate) fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Float(number) => serde_json::json!({"$float": float(*number)}),
        toml::Value::Datetime(time) => serde_json::json!({"$datetime": time.to_string()}),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => table
            .iter()
            .map(|(key, value)| (key.clone(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn float(number: f64) -> String {
    if number.is_nan() {
        "nan".into()
    } else {
        format!("{number:?}")
    }
}

/// Without what is the default anyway: nulls, empty lists, objects and texts, false.
pub(crate) fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map
                .iter()
                .map(|(key, value)| (key.clone(), normal(value)))
                .filter(|(key, value)| !is_default(key, value));
            kept.collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(list) => list.iter().map(normal).collect(),
        other => other.clone(),
    }
}

fn is_default(key: &str, value: &Value) -> bool {
    // In the environment `null` says that a variable is not there.
    let variable = key
        .chars()
        .all(|char| char.is_ascii_uppercase() || char == '_');
    match value {
        Value::Null => !variable,
        Value::Bool(flag) => !flag,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty() && !variable && !key.contains('/'),
        Value::Number(_) => false,
    }
}

/// All paths below a folder, sorted; folders end in `/`, links read `path -> target`.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(dir) = ahead.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if kind.is_dir() {
                paths.push(name + "/");
                ahead.push(path);
            } else if kind.is_symlink() {
                paths.push(format!(
                    "{name} -> {}",
                    std::fs::read_link(path).unwrap().display()
                ));
            } else {
                paths.push(name);
            }
        }
    }
    paths.sort();
    paths
}

/// 0 when it is absent.
pub(crate) fn number(fields: &mut Fields, key: &str) -> i64 {
    match fields.take(key) {
        Value::Null => 0,
        number => number
            .as_i64()
            .unwrap_or_else(|| panic!("{key} has another type: {number}")),
    }
}

pub(crate) fn texts(fields: &mut Fields, key: &str) -> Vec<String> {
    let text = |value: Value| value.as_str().map(str::to_owned);
    fields
        .list(key)
        .into_iter()
        .map(text)
        .collect::<Option<_>>()
        .unwrap_or_else(|| panic!("{key} has another type"))
}

/// Nothing, or a list or an object without anything in it.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
