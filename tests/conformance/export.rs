//! export.jsonl: the exporter, whole runs (XP-1 to XP-11, XP-13 to XP-15).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cnb::labels::LauncherMetadata;
use cnb::{Group, Metadata, PlatformApi, ProjectMetadata, RunImageNames, RunToml, StackToml};
use oci::tarball::Tree;
use oci::{Descriptor, Image, Memory, Reference, Store};
use phases::export::{CREATED, copy_lifecycle_sboms, export_from};
use phases::{
    Analyzed, Context, Dirs, ErrorKind, Event, Events, ExportRequest, Launcher, Owners, Untouched,
    messages,
};
use serde_json::{Value, json};

use crate::owned::{Owned, base64};
use crate::vectors::{Case, Fields, Verdict, cases, report};
use crate::world::{Root, from_toml, is_empty, normal, texts};

#[test]
fn every_case_of_export() {
    let cases: Vec<Case> = cases("export.jsonl");
    report("export.jsonl", &cases, check);
}

fn check(case: &Case) -> Verdict {
    let fs = case.input["fs"].as_array().unwrap();
    if fs.iter().any(|file| {
        file["path"]
            .as_str()
            .unwrap()
            .starts_with("/layers/extended/")
    }) {
        return Verdict::Unsupported("layers of image extensions");
    }
    match case.expect["error"].as_str() {
        Some("extended-image-missing") => {
            return Verdict::Unsupported("layers of image extensions");
        }
        Some("inputs") => return Verdict::Unsupported("flags are read by the drop-in"),
        _ => {}
    }
    let setting = Setting::of(case);
    compare(case, &setting.run()).into()
}

struct Setting {
    root: Root,
    api: PlatformApi,
    exec_env: String,
    created: i64,
    owners: Owners,
    process_type: Option<String>,
    names: Vec<Reference>,
    disk: Arc<Owned>,
    run_image: Image,
    previous: Option<Image>,
    into: Arc<dyn Store>,
}

impl Setting {
    fn of(case: &Case) -> Setting {
        let mut input = Fields::of(case.input.clone());
        let root = Root::new();
        let mut owned = write(&root, input.list("fs"));
        let api = input.text("platform_api").parse().unwrap();
        let memory = Memory::new();
        let run_image = image(&memory, input.take("run_image"));
        let previous = input
            .has("previous_image")
            .then(|| image(&memory, input.take("previous_image")));
        let environ: BTreeMap<String, String> = texts(&mut input, "env")
            .iter()
            .map(|variable| {
                variable
                    .split_once('=')
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .unwrap()
            })
            .collect();
        let (mut uid, mut gid, mut process_type, mut names) = (0, 0, None, Vec::new());
        for arg in texts(&mut input, "args") {
            match arg.strip_prefix('-').and_then(|flag| flag.split_once('=')) {
                Some(("uid", value)) => uid = value.parse().unwrap(),
                Some(("gid", value)) => gid = value.parse().unwrap(),
                Some(("process-type", value)) => process_type = Some(value.to_owned()),
                Some((flag, _)) => panic!("unknown flag {flag}"),
                None => names.push(Reference::parse(&arg).unwrap()),
            }
        }
        input.end();
        // Go's exporter drops to these before it writes anything.
        owned.others = (uid, gid);
        let disk = Arc::new(owned);
        Setting {
            root,
            api,
            exec_env: environ
                .get("CNB_EXEC_ENV")
                .cloned()
                .unwrap_or_else(|| "production".into()),
            created: environ
                .get("SOURCE_DATE_EPOCH")
                .and_then(|text| text.parse().ok())
                .unwrap_or(CREATED),
            owners: Owners::FromDisk { uid, gid },
            process_type,
            names,
            disk,
            run_image,
            previous,
            into: memory,
        }
    }

    fn read<T>(&self, name: &str, parse: impl Fn(&str, &Path) -> cnb::Result<T>) -> Option<T> {
        let text = std::fs::read_to_string(self.root.at(name)).ok()?;
        Some(parse(&text, Path::new(name)).unwrap())
    }

    /// What the drop-in does around the phase: it reads the files that are named by flags.
    fn run(&self) -> Value {
        let Some(file) = self.read("/layers/analyzed.toml", cnb::Analyzed::parse) else {
            return json!({"exit": 3, "error": "no-run-image"});
        };
        let group = self.read("/layers/group.toml", Group::parse).unwrap();
        let project = self
            .read("/layers/project-metadata.toml", ProjectMetadata::parse)
            .unwrap_or_default();
        let metadata = self
            .read("/layers/config/metadata.toml", |text, file| {
                Metadata::parse(text, file, self.api)
            })
            .unwrap();
        let launcher = std::fs::read(self.root.at("/cnb/lifecycle/launcher")).unwrap();
        let named = file
            .image
            .as_ref()
            .is_some_and(|image| !image.reference.is_empty());
        let analyzed = Analyzed {
            previous: self.previous.clone().filter(|_| named),
            run_image: self.run_image.clone(),
            file,
        };
        let request = ExportRequest {
            analyzed: &analyzed,
            group: &group,
            launcher: Launcher {
                bytes: &launcher,
                metadata: LauncherMetadata::default(),
            },
            run_image: self.names_of_run_image(&analyzed, !metadata.extensions.is_empty()),
            process_type: self.process_type.as_deref(),
            project: &project,
            exec_env: &self.exec_env,
            owners: self.owners,
            created: self.created,
            untouched: &Untouched::new(),
            names: &self.names,
        };
        let dirs = Dirs::below(self.root.path());
        let logs = Logs::default();
        let cx = Context {
            dirs: &dirs,
            api: self.api,
            events: &logs,
        };
        let open = |path: &Path| -> oci::Result<Box<dyn Tree>> {
            Ok(Box::new(self.disk.open(self.root.path(), path)?))
        };
        let exported = copy_lifecycle_sboms(&cx, &self.root.at("/cnb/lifecycle"))
            .and_then(|()| export_from(&cx, &request, &self.into, &open));
        match exported {
            Ok(exported) => described(&exported, logs),
            Err(error) => {
                let chain =
                    std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
                        error.source()
                    });
                let text: Vec<String> = chain.map(ToString::to_string).collect();
                json!({"exit": error.code(), "error": class(error.kind()), "text": text.join(": ")})
            }
        }
    }

    fn names_of_run_image(&self, analyzed: &Analyzed, extended: bool) -> RunImageNames {
        if !self.api.has_targets() {
            return self
                .read("/cnb/stack.toml", StackToml::parse)
                .unwrap_or_default()
                .run_image;
        }
        let run = self
            .read("/cnb/run.toml", RunToml::parse)
            .unwrap_or_default();
        let image = analyzed
            .file
            .run_image
            .as_ref()
            .map(|image| image.image.clone())
            .unwrap_or_default();
        phases::run_image_names(&run, &image, extended)
    }
}

fn described(exported: &phases::Exported, logs: Logs) -> Value {
    let manifest: Value = serde_json::from_slice(&exported.image.manifest_bytes()).unwrap();
    let types: Vec<Value> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["mediaType"].clone())
        .collect();
    let mut config: Value = serde_json::from_slice(&exported.image.config_bytes()).unwrap();
    for label in ["lifecycle", "build", "project"] {
        let label = &mut config["config"]["Labels"][format!("io.buildpacks.{label}.metadata")];
        *label = serde_json::from_str(label.as_str().unwrap()).unwrap();
    }
    // The version of the engine.
    config["config"]["Labels"]["io.buildpacks.build.metadata"]
        .as_object_mut()
        .unwrap()
        .remove("launcher");
    let mut report = from_toml(&exported.report.to_toml());
    assert_eq!(
        report["image"]["digest"],
        exported.image.digest().to_string()
    );
    report["image"]["digest"] = "<present>".into();
    report["image"]["manifest-size"] = "<present>".into();
    json!({
        "exit": 0,
        "config": config,
        "manifest": {
            "media_type": manifest["mediaType"],
            "config_media_type": manifest["config"]["mediaType"],
            "layer_media_types": types,
        },
        "report": report,
        "logs": logs.0.into_inner().unwrap(),
    })
}

fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ReuseWithoutMetadata => "reuse-no-metadata",
        ErrorKind::CacheWithoutContents => "cache-without-contents",
        ErrorKind::MalformedLayer => "malformed-layer-toml",
        ErrorKind::UnknownProcessType => "unknown-process-type",
        ErrorKind::ProcessType => "process-type-character",
        ErrorKind::BuildpackApi => "buildpack-api",
        _ => "other",
    }
}

fn compare(case: &Case, got: &Value) -> Result<(), String> {
    let expect = &case.expect;
    if expect["error"] == "panic" {
        return if got["exit"] == 0 {
            Err("accepted what crashes Go".into())
        } else {
            Ok(())
        };
    }
    let expect = &with_rules(case, expect.clone());
    for key in ["exit", "error", "config", "report", "logs", "manifest"] {
        let (expect, got) = (&expect[key], &got[key]);
        let (expect, got) = if key == "report" {
            (&normal(expect), &normal(got))
        } else {
            (expect, got)
        };
        if expect != got && !(is_empty(expect) && is_empty(got)) {
            return Err(format!("{key}: {}", difference(key, expect, got)));
        }
    }
    Ok(())
}

/// What is expected when Go's two faults of `deviations.rs` are left out: a PATH with `=` in it is lost, and layers
/// get Docker's types in OCI images.
fn with_rules(case: &Case, mut expect: Value) -> Value {
    if expect["exit"] != 0 {
        return expect;
    }
    let config: Value =
        serde_json::from_str(case.input["run_image"]["config"].as_str().unwrap()).unwrap();
    let base = config["config"]["Env"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let path = base
        .filter_map(|variable| variable.strip_prefix("PATH="))
        .find(|path| path.contains('='));
    if let (Some(path), Some(env)) = (path, expect["config"]["config"]["Env"].as_array_mut()) {
        let lost = env
            .iter_mut()
            .find(|variable| *variable == "PATH=/cnb/process:/cnb/lifecycle:")
            .unwrap();
        *lost = format!("PATH=/cnb/process:/cnb/lifecycle:{path}").into();
    }
    if expect["manifest"]["media_type"] == "application/vnd.oci.image.manifest.v1+json" {
        for layer in expect["manifest"]["layer_media_types"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            *layer = "application/vnd.oci.image.layer.v1.tar+gzip".into();
        }
    }
    expect
}

/// The innermost place where two values differ.
fn difference(at: &str, expect: &Value, got: &Value) -> String {
    match (expect, got) {
        (Value::Object(expected), Value::Object(found)) => {
            let keys = expected.keys().chain(found.keys());
            let different = |key: &&String| expected.get(*key) != found.get(*key);
            let differences = keys
                .filter(different)
                .map(|key| difference(&format!("{at}.{key}"), &expect[key], &got[key]));
            differences
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join("; ")
        }
        _ => format!("{at}: expected {expect}, got {got}"),
    }
}

/// Writes the files of a case; owners are only remembered, so that an ordinary user can run this.
fn write(root: &Root, files: Vec<Value>) -> Owned {
    let mut owned = BTreeMap::new();
    for file in files {
        let mut fields = Fields::of(file);
        let path = fields.text("path");
        let mode = u32::from_str_radix(&fields.text("mode"), 8).unwrap();
        let number = |value: Value| u32::try_from(value.as_u64().unwrap_or_default()).unwrap();
        owned.insert(
            PathBuf::from(&path),
            (number(fields.take("uid")), number(fields.take("gid"))),
        );
        let on_disk = match fields.text("type").as_str() {
            "dir" => root.dir(&path),
            "file" if fields.has("content_base64") => {
                let on_disk = root.write(&path, "");
                std::fs::write(&on_disk, base64(&fields.text("content_base64"))).unwrap();
                on_disk
            }
            "file" => root.write(&path, &fields.text("content")),
            other => panic!("type {other}"),
        };
        std::fs::set_permissions(on_disk, std::fs::Permissions::from_mode(mode)).unwrap();
        fields.end();
    }
    Owned {
        listed: owned,
        others: (0, 0),
    }
}

fn image(memory: &Arc<Memory>, value: Value) -> Image {
    let mut fields = Fields::of(value);
    fields.take("media_type");
    let (manifest, config) = (fields.text("manifest"), fields.text("config"));
    let layers = texts(&mut fields, "layers_base64");
    fields.end();
    let parsed: Value = serde_json::from_str(&manifest).unwrap();
    for (layer, described) in layers.iter().zip(parsed["layers"].as_array().unwrap()) {
        let blob = Descriptor {
            media_type: described["mediaType"].as_str().unwrap().into(),
            digest: described["digest"].as_str().unwrap().parse().unwrap(),
            size: described["size"].as_u64().unwrap(),
        };
        memory.write(&blob, &mut &base64(layer)[..]).unwrap();
    }
    Image::parse(manifest.as_bytes(), config.as_bytes(), memory.clone()).unwrap()
}

/// What Go logs about layers, labels and the default process.
#[derive(Default)]
struct Logs(Mutex<Vec<String>>);

impl Events for Logs {
    fn tell(&self, event: Event) {
        let missing_sbom =
            matches!(&event, Event::Said { text, .. } if text.starts_with("Did not find SBOM"));
        if let Some(text) = messages::of(&event).filter(|_| !missing_sbom) {
            self.0.lock().unwrap().push(text);
        }
    }
}
