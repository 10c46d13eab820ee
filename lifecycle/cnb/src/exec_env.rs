//! Execution environments (`production`, `test`, …): where something is for all, for some or not for this one.
//!
//! Spec: platform.md, "Execution Environments".

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Says whether something for these execution environments is for the current one: none listed, `*`, or it (DE-16).
pub fn runs_in(listed: &[String], current: &str) -> bool {
    listed.is_empty() || listed.iter().any(|name| name == "*" || name == current)
}

/// Reads the Go lifecycle's `exec-env = ["test"]` and the spec's `[[buildpack.exec-env]] name = "test"`.
pub(crate) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of names, or tables with a name")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some(Name(name)) = list.next_element()? {
                names.push(name);
            }
            Ok(names)
        }
    }
    deserializer.deserialize_seq(Names)
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(name) => Ok(Name(name)),
            toml::Value::Table(mut table) => match table.remove("name") {
                Some(toml::Value::String(name)) => Ok(Name(name)),
                _ => Err(serde::de::Error::custom(
                    "an execution environment needs a name",
                )),
            },
            _ => Err(serde::de::Error::custom(
                "an execution environment is a name",
            )),
        }
    }
}
