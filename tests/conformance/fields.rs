//! A JSON object of which every field must be looked at.

use serde_json::{Map, Value};

/// The fields nobody has taken yet. Absent ones have their default.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Takes an object; `null` is an empty one.
    pub(crate) fn of(value: Value) -> Fields {
        match value {
            Value::Object(fields) => Fields(fields),
            Value::Null => Fields(Map::new()),
            other => panic!("not an object: {other}"),
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(crate) fn take(&mut self, key: &str) -> Value {
        self.0.remove(key).unwrap_or_default()
    }

    pub(crate) fn flag(&mut self, key: &str) -> bool {
        self.default(key, Value::as_bool)
    }

    pub(crate) fn text(&mut self, key: &str) -> String {
        self.default(key, |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn list(&mut self, key: &str) -> Vec<Value> {
        self.default(key, |value| value.as_array().cloned())
    }

    pub(crate) fn object(&mut self, key: &str) -> Map<String, Value> {
        self.default(key, |value| value.as_object().cloned())
    }

    /// Says that nothing else may be there: it would mean that the test ignores something.
    pub(crate) fn end(self) {
        let left: Vec<&String> = self.0.keys().collect();
        assert!(left.is_empty(), "fields that the test ignores: {left:?}");
    }

    fn default<T: Default>(&mut self, key: &str, read: impl Fn(&Value) -> Option<T>) -> T {
        let Some(value) = self.0.remove(key) else {
            return T::default();
        };
        read(&value).unwrap_or_else(|| panic!("{key} has another type: {value}"))
    }
}
