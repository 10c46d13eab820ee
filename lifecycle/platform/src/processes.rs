//! The processes of an application image, as its labels tell them.

use oci::Image;
use serde::Serialize;
use serde_json::Value;

/// Spec: platform.md, "Labels": `io.buildpacks.build.metadata`.
const LABEL: &str = "io.buildpacks.build.metadata";
/// Folder of one link to the launcher per process type.
const LINKS: &str = "/cnb/process/";

/// One process type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    #[serde(rename = "type")]
    pub name: String,
    /// Command and arguments as one line for people.
    pub command: String,
    pub default: bool,
    pub buildpack: String,
}

/// Every process type, the default one first, then in the order of the label.
pub(crate) fn processes(image: &Image) -> Vec<Process> {
    let default = default_type(image);
    let label = image.config().label(LABEL).unwrap_or("{}");
    let parsed: Value = serde_json::from_str(label).unwrap_or_default();
    let entries = parsed
        .get("processes")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut processes: Vec<Process> = entries
        .iter()
        .filter_map(|entry| process(entry, default))
        .collect();
    processes.sort_by_key(|process| !process.default);
    processes
}

/// The names of [`processes`].
pub(crate) fn types(image: &Image) -> Vec<String> {
    processes(image)
        .into_iter()
        .map(|process| process.name)
        .collect()
}

/// The type that the image starts by itself.
pub(crate) fn default_type(image: &Image) -> Option<&str> {
    image.config().entrypoint().first()?.strip_prefix(LINKS)
}

/// The program that starts a type.
pub(crate) fn link(process_type: &str) -> String {
    format!("{LINKS}{process_type}")
}

fn process(entry: &Value, default: Option<&str>) -> Option<Process> {
    let name = entry.get("type")?.as_str()?.to_owned();
    let mut words = words(entry.get("command"));
    words.extend(self::words(entry.get("args")));
    Some(Process {
        default: default == Some(&name),
        command: words.join(" "),
        buildpack: entry
            .get("buildpackID")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        name,
    })
}

/// A command is one text up to Platform API 0.9 and a list afterwards.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_comes_first_and_commands_are_one_line() {
        let mut image = Image::empty(&oci::Platform::host());
        let label = r#"{"processes":[
            {"type":"worker","command":["bash","-c","work"],"buildpackID":"a"},
            {"type":"web","command":"gunicorn","args":["app:app"],"buildpackID":"b"},
            {"no":"type"}]}"#;
        image.config_mut().set_label(LABEL, label);
        image.config_mut().set_entrypoint(&["/cnb/process/web"]);
        let found = processes(&image);
        let short: Vec<_> = found
            .iter()
            .map(|p| (p.name.as_str(), p.command.as_str(), p.default))
            .collect();
        assert_eq!(
            short,
            [
                ("web", "gunicorn app:app", true),
                ("worker", "bash -c work", false)
            ]
        );
    }
}
