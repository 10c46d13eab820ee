//! Image configs: JSON sorted by key with typed access to what builders change. Keys we do not know stay.

use serde_json::Value;

use crate::json::{self, Object};
use crate::{Digest, Platform, Result, limits};

/// The config of an image. Layers are not changed here but through [`Image`](crate::Image).
///
/// Setting an empty value removes the key, as Go's `omitempty` does.
#[derive(Debug, Clone, PartialEq)]
pub struct Config(Object);

/// How one layer came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// RFC 3339.
    pub created: Option<String>,
    pub created_by: Option<String>,
    pub author: Option<String>,
    pub comment: Option<String>,
    /// No layer belongs to this entry.
    pub empty_layer: bool,
}

impl Config {
    pub(crate) fn empty(platform: &Platform) -> Config {
        let mut object = Object::new();
        platform.write_into(&mut object);
        Config(object)
    }

    /// Reads untrusted bytes. Values that are read here must have the right shape; everything else is kept as it is.
    pub fn parse(bytes: &[u8]) -> Result<Config> {
        let config = json::object(bytes, limits::CONFIG_BYTES, "image config")
            .and_then(|object| check(&object).map(|()| Config(object)));
        config.map_err(|error| error.during("reading image config"))
    }

    /// Sorted by key, compact.
    pub fn to_bytes(&self) -> Vec<u8> {
        json::bytes(&self.0)
    }

    /// The whole config, for what has no accessor here.
    pub fn json(&self) -> &serde_json::Map<String, Value> {
        &self.0
    }

    /// Variables in the order of the config; one without `=` has an empty value.
    pub fn env(&self) -> impl Iterator<Item = (&str, &str)> {
        self.strings("Env")
            .map(|entry| entry.split_once('=').unwrap_or((entry, "")))
    }

    pub fn env_value(&self, name: &str) -> Option<&str> {
        self.env()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Replaces the first variable of that name where it stands, or adds one at the end.
    pub fn set_env(&mut self, name: &str, value: &str) {
        let entry = Value::from(format!("{name}={value}"));
        let env = self
            .run_config()
            .entry("Env")
            .or_insert_with(|| Value::Array(Vec::new()));
        if env.is_null() {
            *env = Value::Array(Vec::new());
        }
        let Value::Array(entries) = env else { return };
        let is_name =
            |entry: &Value| entry.as_str().and_then(|text| text.split('=').next()) == Some(name);
        match entries.iter_mut().find(|entry| is_name(entry)) {
            Some(old) => *old = entry,
            None => entries.push(entry),
        }
    }

    /// Sorted by key.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self
            .run()
            .and_then(|run| run.get("Labels"))
            .and_then(Value::as_object);
        labels
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.run()?.get("Labels")?.get(key)?.as_str()
    }

    pub fn set_label(&mut self, key: &str, value: &str) {
        let labels = self
            .run_config()
            .entry("Labels")
            .or_insert_with(|| Value::Object(Object::new()));
        if labels.is_null() {
            *labels = Value::Object(Object::new());
        }
        if let Value::Object(labels) = labels {
            labels.insert(key.to_owned(), value.into());
        }
    }

    pub fn remove_label(&mut self, key: &str) {
        if let Some(Value::Object(labels)) = self.run_config().get_mut("Labels") {
            labels.remove(key);
        }
    }

    pub fn entrypoint(&self) -> Vec<&str> {
        self.strings("Entrypoint").collect()
    }

    pub fn set_entrypoint(&mut self, words: &[&str]) {
        self.set_strings("Entrypoint", words);
    }

    pub fn cmd(&self) -> Vec<&str> {
        self.strings("Cmd").collect()
    }

    pub fn set_cmd(&mut self, words: &[&str]) {
        self.set_strings("Cmd", words);
    }

    /// As written: a name, an id, or `user:group`.
    pub fn user(&self) -> Option<&str> {
        json::text(self.run()?, "User")
    }

    pub fn set_user(&mut self, user: &str) {
        self.set_text("User", user);
    }

    pub fn working_dir(&self) -> Option<&str> {
        json::text(self.run()?, "WorkingDir")
    }

    pub fn set_working_dir(&mut self, dir: &str) {
        self.set_text("WorkingDir", dir);
    }

    /// Ports in the order of their names, as `8080/tcp`.
    pub fn exposed_ports(&self) -> impl Iterator<Item = &str> {
        let ports = self
            .run()
            .and_then(|run| run.get("ExposedPorts"))
            .and_then(Value::as_object);
        ports.into_iter().flatten().map(|(port, _)| port.as_str())
    }

    pub fn platform(&self) -> Platform {
        Platform::from_json(&self.0)
    }

    pub fn set_platform(&mut self, platform: &Platform) {
        platform.write_into(&mut self.0);
    }

    /// RFC 3339, as written.
    pub fn created(&self) -> Option<&str> {
        json::text(&self.0, "created")
    }

    pub fn set_created(&mut self, created: &str) {
        self.0.insert("created".into(), created.into());
    }

    /// Oldest first; includes entries without a layer. May be shorter or longer than the layers in images of others.
    pub fn history(&self) -> Vec<History> {
        let entries = self.0.get("history").and_then(Value::as_array);
        entries
            .into_iter()
            .flatten()
            .map(History::from_json)
            .collect()
    }

    pub fn set_history(&mut self, history: &[History]) {
        let entries = history.iter().map(History::to_json).collect();
        self.0.insert("history".into(), Value::Array(entries));
    }

    pub(crate) fn push_history(&mut self, entry: &History) {
        match self.0.get_mut("history") {
            Some(Value::Array(entries)) => entries.push(entry.to_json()),
            _ => self.set_history(std::slice::from_ref(entry)),
        }
    }

    /// Digests of the uncompressed layers, lowest first.
    pub fn diff_ids(&self) -> Vec<Digest> {
        let ids = self
            .0
            .get("rootfs")
            .and_then(|rootfs| rootfs.get("diff_ids"))
            .and_then(Value::as_array);
        ids.into_iter()
            .flatten()
            .filter_map(|id| id.as_str()?.parse().ok())
            .collect()
    }

    pub(crate) fn set_diff_ids(&mut self, ids: impl Iterator<Item = Digest>) {
        let rootfs = self.0.entry("rootfs").or_insert(Value::Null);
        if !rootfs.is_object() {
            *rootfs = Value::Object(Object::new());
        }
        if let Value::Object(rootfs) = rootfs {
            rootfs.insert("type".into(), "layers".into());
            rootfs.insert(
                "diff_ids".into(),
                ids.map(|id| Value::from(id.to_string())).collect(),
            );
        }
    }

    /// The inner object, what a container is started with.
    fn run(&self) -> Option<&Object> {
        self.0.get("config").and_then(Value::as_object)
    }

    fn run_config(&mut self) -> &mut Object {
        let value = self.0.entry("config").or_insert(Value::Null);
        if !value.is_object() {
            *value = Value::Object(Object::new());
        }
        value.as_object_mut().expect("it was made an object above")
    }

    fn strings(&self, key: &str) -> impl Iterator<Item = &str> {
        let items = self
            .run()
            .and_then(|run| run.get(key))
            .and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str)
    }

    fn set_strings(&mut self, key: &str, words: &[&str]) {
        if words.is_empty() {
            self.run_config().remove(key);
        } else {
            self.run_config().insert(
                key.to_owned(),
                words.iter().copied().map(Value::from).collect(),
            );
        }
    }

    fn set_text(&mut self, key: &str, text: &str) {
        if text.is_empty() {
            self.run_config().remove(key);
        } else {
            self.run_config().insert(key.to_owned(), text.into());
        }
    }
}

/// Whether everything that the accessors read has the right shape.
fn check(object: &Object) -> Result<()> {
    for key in ["os", "architecture", "variant", "created"] {
        json::expect(object, key, "a string", Value::is_string)?;
    }
    json::expect(object, "history", "a list of objects", |value| {
        value
            .as_array()
            .is_some_and(|entries| entries.iter().all(Value::is_object))
    })?;
    json::expect(object, "rootfs", "an object", Value::is_object)?;
    if let Some(Value::Object(rootfs)) = object.get("rootfs") {
        json::expect(rootfs, "diff_ids", "a list of digests", json::is_strings)?;
        let ids = rootfs
            .get("diff_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        ids.filter_map(Value::as_str)
            .try_for_each(|id| id.parse::<Digest>().map(drop))?;
    }
    json::expect(object, "config", "an object", Value::is_object)?;
    match object.get("config") {
        Some(Value::Object(run)) => check_run_config(run),
        _ => Ok(()),
    }
}

fn check_run_config(run: &Object) -> Result<()> {
    for key in ["Env", "Entrypoint", "Cmd"] {
        json::expect(run, key, "a list of strings", json::is_strings)?;
    }
    for key in ["User", "WorkingDir"] {
        json::expect(run, key, "a string", Value::is_string)?;
    }
    json::expect(run, "Labels", "an object of strings", |value| {
        value
            .as_object()
            .is_some_and(|labels| labels.values().all(Value::is_string))
    })?;
    json::expect(run, "ExposedPorts", "an object", Value::is_object)
}

impl History {
    pub fn new(created: &str, created_by: &str) -> History {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        History {
            created: some(created),
            created_by: some(created_by),
            ..History::default()
        }
    }

    fn from_json(value: &Value) -> History {
        let text = |key| {
            value
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        History {
            created: text("created"),
            created_by: text("created_by"),
            author: text("author"),
            comment: text("comment"),
            empty_layer: value
                .get("empty_layer")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        }
    }

    fn to_json(&self) -> Value {
        let mut object = Object::new();
        let texts = [
            ("created", &self.created),
            ("created_by", &self.created_by),
            ("author", &self.author),
            ("comment", &self.comment),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                object.insert(key.to_owned(), text.as_str().into());
            }
        }
        if self.empty_layer {
            object.insert("empty_layer".into(), true.into());
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests;
