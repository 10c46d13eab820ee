//! restore.jsonl: the restorer, and the exporter's cache (RE-1 to RE-5, RE-9, CA-1 to CA-7).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use cnb::{Analyzed, Group, GroupElement, PlatformApi};
use oci::tarball::Tree;
use oci::{Digest, Memory, Store};
use phases::cache::save_cache_from;
use phases::{Context, Dirs, ErrorKind, Event, Events, Owners};
use serde_json::{Map, Value, json};

use crate::owned::{Owned, base64, gunzip};
use crate::vectors::{Case, Fields, Verdict, cases, report};
use crate::world::{Root, from_toml, is_empty, listing, normal, texts, tree};

#[test]
fn every_case_of_restore() {
    let cases: Vec<Case> = cases("restore.jsonl");
    report("restore.jsonl", &cases, check);
}

struct Setting {
    root: Root,
    api: PlatformApi,
    group: Group,
    cached: bool,
    skip_layers: bool,
    analyzed: Option<String>,
    cache_only: bool,
}

fn check(case: &Case) -> Verdict {
    let setting = Setting::of(case);
    let got = if setting.cache_only {
        setting.save()
    } else {
        setting.restore()
    };
    compare(case, &got).into()
}

impl Setting {
    fn of(case: &Case) -> Setting {
        let mut input = Fields::of(case.input.clone());
        let root = Root::new();
        root.dir("layers");
        let mut group = Group::default();
        for buildpack in input.list("buildpacks") {
            let mut buildpack = Fields::of(buildpack);
            group.buildpacks.push(GroupElement {
                id: buildpack.text("id").parse().unwrap(),
                version: "1".into(),
                api: buildpack.text("api"),
                ..GroupElement::default()
            });
            buildpack.end();
        }
        tree(&root, "layers", &json!({"tree": input.take("layers")}));
        let mut cache = Fields::of(input.take("cache"));
        if !cache.flag("absent") {
            root.dir("cache");
            for part in ["committed", "staging", "committed-backup"] {
                write(&root, part, cache.take(part));
            }
        }
        cache.end();
        let args = texts(&mut input, "args");
        let setting = Setting {
            api: input.text("platform_api").parse().unwrap(),
            group,
            cached: !input.flag("no_cache_dir"),
            skip_layers: args.iter().any(|arg| arg == "-skip-layers"),
            analyzed: input
                .has("analyzed_toml")
                .then(|| input.text("analyzed_toml")),
            cache_only: input.text("kind") == "cache",
            root,
        };
        assert!(args.is_empty() || setting.skip_layers, "{args:?}");
        input.end();
        setting
    }

    /// What the drop-in does around the phase: it reads analyzed.toml, and warns when that does not work.
    fn restore(&self) -> Value {
        let warnings = Warnings::default();
        let analyzed = match &self.analyzed {
            None => {
                warnings.add("analyzed-missing");
                Analyzed::default()
            }
            Some(text) => Analyzed::parse(text, Path::new("analyzed.toml")).unwrap_or_else(|_| {
                warnings.add("analyzed-unusable");
                Analyzed::default()
            }),
        };
        let dirs = Dirs::below(self.root.path());
        let cx = Context {
            dirs: &dirs,
            api: self.api,
            events: &warnings,
        };
        let cache = self.root.at("cache");
        let cache = self.cached.then_some(&*cache);
        let restored = if self.skip_layers {
            phases::restore_stores(&cx, &analyzed, &self.group)
        } else {
            phases::restore(&cx, &analyzed, &self.group, cache)
        };
        if let Err(error) = restored {
            return failure(&error, warnings);
        }
        let layers = self.root.at("layers");
        let (mut contents, mut modes) = (Map::new(), Map::new());
        for path in listing(&layers) {
            let (name, content, mode) = described(&layers, &path);
            let usual = if name.ends_with('/') { 0o755 } else { 0o644 };
            if mode.is_some_and(|mode| mode != usual) && !name.contains(".sbom.") {
                modes.insert(name.clone(), format!("{:o}", mode.unwrap()).into());
            }
            contents.insert(name, content);
        }
        json!({"exit": 0, "layers": contents, "modes": modes, "warnings": warnings.sorted()})
    }

    fn save(&self) -> Value {
        let warnings = Warnings::default();
        let dirs = Dirs::below(self.root.path());
        let cx = Context {
            dirs: &dirs,
            api: self.api,
            events: &warnings,
        };
        let through: Arc<dyn Store> = Memory::new();
        let owned = Arc::new(Owned {
            listed: BTreeMap::new(),
            others: (1000, 1000),
        });
        let root = self.root.path();
        // Above <layers> everything is root's.
        let open =
            |path: &Path| -> oci::Result<Box<dyn Tree>> { Ok(Box::new(owned.open(root, path)?)) };
        let owners = Owners::FromDisk {
            uid: 1000,
            gid: 1000,
        };
        if let Err(error) = save_cache_from(
            &cx,
            &self.group,
            owners,
            &self.root.at("cache"),
            &through,
            &open,
        ) {
            return failure(&error, warnings);
        }
        let cache = self.root.at("cache");
        let mut found = Map::new();
        let paths = listing(&cache);
        for path in &paths {
            let children = paths
                .iter()
                .any(|other| other != path && other.starts_with(path));
            if path.ends_with('/') {
                if !children {
                    found.insert(path.clone(), "".into());
                }
                continue;
            }
            let bytes = std::fs::read(cache.join(path)).unwrap();
            let content = if path.ends_with("metadata") {
                serde_json::from_slice(&bytes).unwrap()
            } else {
                Digest::of(&bytes).hex().into()
            };
            found.insert(path.clone(), content);
        }
        json!({"exit": 0, "cache": found, "warnings": warnings.sorted()})
    }
}

/// Name, content as in the vectors, and mode of what is not a link.
fn described(layers: &Path, path: &str) -> (String, Value, Option<u32>) {
    if let Some((name, to)) = path.split_once(" -> ") {
        return (name.to_owned(), json!({"to": to}), None);
    }
    let at = layers.join(path);
    let mode = std::fs::metadata(&at).unwrap().permissions().mode() & 0o7777;
    let content = if path.ends_with('/') {
        "".into()
    } else {
        let text = String::from_utf8(std::fs::read(&at).unwrap()).unwrap();
        if at.extension().is_some_and(|end| end == "toml") {
            json!({"toml": from_toml(&text)})
        } else {
            text.into()
        }
    };
    (path.to_owned(), content, Some(mode))
}

fn write(root: &Root, part: &str, files: Value) {
    if files.is_null() {
        return;
    }
    root.dir(&format!("cache/{part}"));
    for (name, content) in files.as_object().unwrap() {
        let path = root.write(
            &format!("cache/{part}/{name}"),
            content.as_str().unwrap_or_default(),
        );
        if let Some(text) = content["base64"].as_str() {
            std::fs::write(path, gunzip(&base64(text))).unwrap();
        }
    }
}

fn failure(error: &phases::Error, warnings: Warnings) -> Value {
    let class = match error.kind() {
        ErrorKind::CachedTar => "tar",
        ErrorKind::CachedType => "tar-type",
        ErrorKind::CachedSbom => "sbom-layer-missing",
        ErrorKind::CacheDir => "cache-dir",
        ErrorKind::BuildpackApi => "buildpack-api",
        _ => "other",
    };
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
        error.source()
    });
    let text: Vec<String> = chain.map(ToString::to_string).collect();
    json!({"exit": error.code(), "error": class, "warnings": warnings.sorted(), "text": text.join(": ")})
}

fn compare(case: &Case, got: &Value) -> Result<(), String> {
    let expect = integers(case.expect.clone());
    for key in ["exit", "error", "layers", "modes", "cache", "warnings"] {
        let (expect, got) = match key {
            "cache" => (normal(&expect[key]), normal(&got[key])),
            _ => (expect[key].clone(), got[key].clone()),
        };
        if expect != got && !(is_empty(&expect) && is_empty(&got)) {
            return Err(format!(
                "{key}: expected {expect}\n  got {got} {}",
                got["text"]
            ));
        }
    }
    Ok(())
}

/// The rule "integers stay integers": Go makes floats of them when metadata come out of the cache.
fn integers(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let whole = map
                .get("$float")
                .and_then(Value::as_str)
                .and_then(|text| text.strip_suffix(".0"));
            match whole.and_then(|text| text.parse::<i64>().ok()) {
                Some(number) => number.into(),
                None => map
                    .into_iter()
                    .map(|(key, value)| (key, integers(value)))
                    .collect::<Map<_, _>>()
                    .into(),
            }
        }
        Value::Array(list) => list.into_iter().map(integers).collect(),
        other => other,
    }
}

#[derive(Default)]
struct Warnings(Mutex<Vec<&'static str>>);

impl Warnings {
    fn add(&self, class: &'static str) {
        self.0.lock().unwrap().push(class);
    }

    fn sorted(&self) -> Vec<&'static str> {
        let mut classes = self.0.lock().unwrap().clone();
        classes.sort_unstable();
        classes
    }
}

impl Events for Warnings {
    fn tell(&self, event: Event) {
        let Event::Said { text, .. } = event else {
            return;
        };
        let skipped = text.starts_with("Skipping restore") || text.starts_with("Skipping reuse");
        if text.starts_with("No cached data will be used") {
            self.add("no-cache");
        } else if skipped && text.contains("failed to find") {
            self.add("layer-missing");
        } else if skipped {
            self.add("layer-mismatch");
        } else if text.starts_with("Failed to cache layer")
            && text.ends_with("because it has no contents")
        {
            self.add("no-contents");
        }
    }
}
