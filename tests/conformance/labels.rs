//! The labels of export.jsonl and rebase.jsonl, byte for byte: with ours in it, the image config has Go's digest
//! (XP-9, the strict level of these files for the labels alone).

use cnb::labels::{self, BuildMetadata, LauncherMetadata, LifecycleMetadata};
use serde_json::Value;

use crate::vectors::{Case, Verdict, cases, report};

#[test]
fn labels_are_the_bytes_that_go_writes() {
    for file in ["export.jsonl", "rebase.jsonl"] {
        let cases: Vec<Case> = cases(file);
        let hashed: Vec<Case> = cases
            .into_iter()
            .filter(|case| !case.expect["config_sha256"].is_null())
            .collect();
        assert!(hashed.len() >= 40, "{file} has lost its digests");
        report(&format!("{file} (labels)"), &hashed, |case| {
            let config = with_our_labels(
                case.expect["config"].clone(),
                case.input["platform_api"].as_str().unwrap(),
            );
            let text = go_config(&config);
            Verdict::of(
                &oci::Digest::of(text.as_bytes()).to_string(),
                &case.expect["config_sha256"].as_str().unwrap().to_owned(),
            )
        });
    }
}

/// Replaces the labels that the vectors hold as objects by the text we print for them.
fn with_our_labels(mut config: Value, api: &str) -> Value {
    let Some(found) = config["config"]["Labels"].as_object_mut() else {
        return config;
    };
    for (name, label) in found {
        let ours = match (name.as_str(), label.is_string()) {
            (labels::LIFECYCLE_METADATA, false) => LifecycleMetadata::from_json(&label.to_string())
                .unwrap()
                .to_json(),
            (labels::BUILD_METADATA, false) => {
                let build = BuildMetadata::from_json(&label.to_string()).unwrap();
                // The README of the vectors says that the version is empty; the digests were made with this one.
                let launcher = LauncherMetadata {
                    version: "0.0.0".to_owned(),
                    ..LauncherMetadata::default()
                };
                BuildMetadata { launcher, ..build }.to_json(api.parse().unwrap())
            }
            (labels::PROJECT_METADATA, false) => labels::project_metadata(
                &labels::project_metadata_from_json(&label.to_string()).unwrap(),
            ),
            _ => continue,
        };
        *label = Value::String(ours.unwrap());
    }
    config
}

/// Prints an image config with its keys in the order of Go's structs.
fn go_config(config: &Value) -> String {
    let order = [
        "architecture",
        "author",
        "container",
        "created",
        "docker_version",
        "history",
        "os",
        "rootfs",
        "config",
    ];
    object(config, &order, |key, value| match key {
        "history" => list(value, |entry| {
            object(
                entry,
                &["author", "created", "created_by", "comment"],
                |_, value| go(value),
            )
        }),
        "rootfs" => object(value, &["type"], |_, value| go(value)),
        // Alphabetical but for its last ones.
        "config" => {
            let order = [
                "ExposedPorts",
                "ArgsEscaped",
                "NetworkDisabled",
                "MacAddress",
                "StopSignal",
                "Shell",
            ];
            let first: Vec<&str> = value
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let first = first.into_iter().filter(|key| !order.contains(key));
            let order: Vec<&str> = first.chain(order).collect();
            object(value, &order, |_, value| go(value))
        }
        _ => go(value),
    })
}

/// Prints the keys in `order` first, then the others by name.
fn object(value: &Value, order: &[&str], each: impl Fn(&str, &Value) -> String) -> String {
    let object = value.as_object().unwrap();
    let ordered = order.iter().filter_map(|key| object.get_key_value(*key));
    let others = object
        .iter()
        .filter(|(key, _)| !order.contains(&key.as_str()));
    let fields: Vec<String> = ordered
        .chain(others)
        .map(|(key, value)| format!("\"{key}\":{}", each(key, value)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn list(value: &Value, each: impl Fn(&Value) -> String) -> String {
    let items: Vec<String> = value.as_array().unwrap().iter().map(each).collect();
    format!("[{}]", items.join(","))
}

/// A value whose maps Go sorts.
fn go(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}
