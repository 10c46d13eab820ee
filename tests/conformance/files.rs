//! files.jsonl: what the lifecycle reads out of its files, and which errors it finds in them.

use std::path::Path;

use cnb::{BuildpackApi, ErrorKind, PlatformApi};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::vectors::{Case, Verdict, cases, report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    file: String,
    text: String,
    buildpack_api: Option<String>,
    platform_api: Option<String>,
    #[serde(default)]
    bin: Vec<String>,
    #[serde(default)]
    plan_requires: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    value: Option<Value>,
    error: Option<String>,
    #[expect(dead_code, reason = "of builder.toml, which is not supported yet")]
    warnings: Option<u64>,
}

#[test]
fn files_are_read_as_the_go_lifecycle_reads_them() {
    report(
        "files.jsonl",
        &cases("files.jsonl"),
        |case: &Case<Input, Expect>| match value(&case.input) {
            Some(Ok(ours)) => Verdict::of(&Ok(ours), &go(&case.expect)),
            Some(Err(error)) => Verdict::of(&Err(class(error.kind())), &go(&case.expect)),
            None => Verdict::Unsupported("formats that only builders and packages need"),
        },
    );
}

fn go(expect: &Expect) -> Result<Value, &str> {
    match (&expect.value, &expect.error) {
        (Some(value), None) => Ok(value.clone()),
        // The boundary between the two is the TOML library's.
        (None, Some(error)) if error == "type" => Err("syntax"),
        // Go crashed; any clean error will do, and ours is that the API does not parse.
        (None, Some(error)) if error == "panic" => Err("api"),
        (None, Some(error)) => Err(error),
        _ => panic!("a case expects a value or an error"),
    }
}

fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Syntax | ErrorKind::Type => "syntax",
        ErrorKind::ApiSyntax => "api",
        ErrorKind::DirectNotSupported => "direct-not-supported",
        ErrorKind::MultipleDefaults => "multiple-defaults",
        ErrorKind::TypesAtTopLevel => "types-at-top-level",
        ErrorKind::UnmetNameRequired => "unmet-name-required",
        ErrorKind::UnmetNotRequested => "unmet-not-requested",
        ErrorKind::BomTopLevelVersion => "bom-top-level-version",
        other => panic!("no class for {other:?}"),
    }
}

/// Reads the file and prints it in the notation of the vectors; `None` when we have no reader.
fn value(input: &Input) -> Option<cnb::Result<Value>> {
    let (text, file) = (input.text.as_str(), Path::new(&input.file));
    Some(match input.file.as_str() {
        "buildpack.toml" => {
            cnb::BuildpackToml::parse(text, file, &input.bin).map(|value| buildpack(&value))
        }
        "extension.toml" => {
            cnb::ExtensionToml::parse(text, file, &input.bin).map(|value| extension(&value))
        }
        "launch.toml" => {
            cnb::Launch::parse(text, file, buildpack_api(input)).map(|value| launch(&value))
        }
        "<layer>.toml" => cnb::LayerToml::parse(text, file).map(|value| layer(&value)),
        "build.toml" => cnb::BuildToml::parse(text, file, &plan(input)).map(|value| build(&value)),
        "store.toml" => cnb::StoreToml::parse(text, file)
            .map(|value| object([("metadata", table(&value.metadata))])),
        "order.toml" => cnb::Order::parse(text, file).map(|value| order(&value)),
        "group.toml" => cnb::Group::parse(text, file).map(|value| group(&value)),
        "plan.toml" => cnb::Plan::parse(text, file).map(|value| whole_plan(&value)),
        "metadata.toml" => {
            cnb::Metadata::parse(text, file, platform_api(input)).map(|value| metadata(&value))
        }
        "analyzed.toml" => cnb::Analyzed::parse(text, file).map(|value| analyzed(&value)),
        "run.toml" => cnb::RunToml::parse(text, file)
            .map(|value| object([("images", list(&value.images, names))])),
        "stack.toml" => cnb::StackToml::parse(text, file)
            .map(|value| object([("run-image", names(&value.run_image))])),
        "system.toml" => cnb::SystemToml::parse(text, file).map(|value| system(&value)),
        "project-metadata.toml" => {
            cnb::ProjectMetadata::parse(text, file).map(|value| project(&value))
        }
        "builder.toml" | "package.toml" | "project.toml" => return None,
        other => panic!("no reader for {other}"),
    })
}

fn buildpack_api(input: &Input) -> BuildpackApi {
    input
        .buildpack_api
        .as_deref()
        .expect("an API")
        .parse()
        .expect("a supported API")
}

fn platform_api(input: &Input) -> PlatformApi {
    input
        .platform_api
        .as_deref()
        .expect("an API")
        .parse()
        .expect("a supported API")
}

fn plan(input: &Input) -> cnb::BuildpackPlan {
    let require = |name: &String| cnb::Require {
        name: name.clone(),
        ..cnb::Require::default()
    };
    cnb::BuildpackPlan {
        entries: input.plan_requires.iter().map(require).collect(),
    }
}

fn buildpack(toml: &cnb::BuildpackToml) -> Value {
    let info = &toml.buildpack;
    let names = [
        ("id", info.id.as_str()),
        ("name", &info.name),
        ("version", &info.version),
        ("homepage", &info.homepage),
    ];
    let mut fields: Vec<(&str, Value)> = names
        .into_iter()
        .map(|(key, value)| (key, json!(value)))
        .collect();
    fields.push(("clear-env", json!(info.clear_env)));
    fields.push(("sbom-formats", json!(info.sbom_formats)));
    fields.push(("exec-env", json!(info.exec_env)));
    object([
        ("api", json!(toml.api)),
        ("buildpack", object(fields)),
        ("order", list(&toml.order, order_group)),
        ("targets", list(&toml.targets, target)),
        (
            "stacks",
            list(&toml.stacks, |stack| object([("id", json!(stack.id))])),
        ),
    ])
}

fn extension(toml: &cnb::ExtensionToml) -> Value {
    let info = &toml.extension;
    let names = [
        ("id", info.id.as_str()),
        ("name", &info.name),
        ("version", &info.version),
        ("homepage", &info.homepage),
    ];
    let mut fields: Vec<(&str, Value)> = names
        .into_iter()
        .map(|(key, value)| (key, json!(value)))
        .collect();
    fields.push(("clear-env", json!(info.clear_env)));
    fields.push(("exec-env", json!(info.exec_env)));
    object([
        ("api", json!(toml.api)),
        ("extension", object(fields)),
        ("targets", list(&toml.targets, target)),
    ])
}

fn target(target: &cnb::Target) -> Value {
    object([
        ("os", json!(target.os)),
        ("arch", json!(target.arch)),
        ("arch-variant", json!(target.variant)),
        ("distros", list(&target.distros, distro)),
    ])
}

fn distro(distro: &cnb::Distro) -> Value {
    object([
        ("name", json!(distro.name)),
        ("version", json!(distro.version)),
    ])
}

fn launch(launch: &cnb::Launch) -> Value {
    let process = |entry: &cnb::Process| {
        let mut value = process(entry);
        value["buildpack-id"] = json!("bp");
        value
    };
    object([
        ("bom", list(&launch.bom, bom)),
        ("labels", list(&launch.labels, label)),
        ("processes", list(&launch.processes, process)),
        ("slices", list(&launch.slices, slice)),
    ])
}

/// `direct` and `command` are always there.
fn process(process: &cnb::Process) -> Value {
    let mut value = object([
        ("type", json!(process.process_type)),
        ("args", json!(process.args)),
        ("default", json!(process.default)),
        ("buildpack-id", json!(process.buildpack_id)),
        ("working-dir", json!(process.working_dir)),
        ("exec-env", json!(process.exec_env)),
    ]);
    value["command"] = json!(process.command);
    value["direct"] = json!(process.direct);
    value
}

fn bom(entry: &cnb::BomEntry) -> Value {
    object([
        ("name", json!(entry.name)),
        ("metadata", table(&entry.metadata)),
        ("buildpack", json!({"id": "bp", "version": "1"})),
    ])
}

fn label(label: &cnb::Label) -> Value {
    object([("key", json!(label.key)), ("value", json!(label.value))])
}

fn slice(slice: &cnb::Slice) -> Value {
    object([("paths", json!(slice.paths))])
}

fn layer(layer: &cnb::LayerToml) -> Value {
    let types = layer.types;
    let mut value = json!({"build": types.build, "launch": types.launch, "cache": types.cache});
    if let Some(metadata) = &layer.metadata {
        value["metadata"] = free(metadata);
    }
    value
}

fn build(build: &cnb::BuildToml) -> Value {
    let bom = |entry: &cnb::BomEntry| {
        object([
            ("name", json!(entry.name)),
            ("metadata", table(&entry.metadata)),
        ])
    };
    object([
        ("bom", list(&build.bom, bom)),
        (
            "unmet",
            list(&build.unmet, |unmet| object([("name", json!(unmet.name))])),
        ),
    ])
}

fn order(order: &cnb::Order) -> Value {
    object([
        ("order", list(&order.groups, order_group)),
        ("order-extensions", list(&order.extensions, order_group)),
    ])
}

fn order_group(group: &cnb::OrderGroup) -> Value {
    let element = |element: &cnb::OrderElement| {
        object([
            ("id", json!(element.id)),
            ("version", json!(element.version)),
            ("optional", json!(element.optional)),
            ("extension", json!(element.extension)),
            ("exec-env", json!(element.exec_env)),
        ])
    };
    object([("group", list(&group.group, element))])
}

fn group(group: &cnb::Group) -> Value {
    object([
        ("group", list(&group.buildpacks, element)),
        ("group-extensions", list(&group.extensions, element)),
    ])
}

fn element(element: &cnb::GroupElement) -> Value {
    object([
        ("id", json!(element.id)),
        ("version", json!(element.version)),
        ("api", json!(element.api)),
        ("homepage", json!(element.homepage)),
        ("optional", json!(element.optional)),
        ("extension", json!(element.extension)),
    ])
}

fn whole_plan(plan: &cnb::Plan) -> Value {
    let require = |require: &cnb::Require| {
        object([
            ("name", json!(require.name)),
            ("version", json!(require.version)),
            ("metadata", table(&require.metadata)),
        ])
    };
    let entry = |entry: &cnb::PlanEntry| {
        object([
            ("providers", list(&entry.providers, element)),
            ("requires", list(&entry.requires, require)),
        ])
    };
    object([("entries", list(&plan.entries, entry))])
}

fn metadata(metadata: &cnb::Metadata) -> Value {
    object([
        ("buildpacks", list(&metadata.buildpacks, element)),
        ("extensions", list(&metadata.extensions, element)),
        ("labels", list(&metadata.labels, label)),
        ("processes", list(&metadata.processes, process)),
        ("slices", list(&metadata.slices, slice)),
        (
            "buildpack-default-process-type",
            json!(metadata.buildpack_default_process_type),
        ),
    ])
}

fn analyzed(analyzed: &cnb::Analyzed) -> Value {
    let target = |target: &cnb::ImageTarget| {
        object([
            ("id", json!(target.id)),
            ("os", json!(target.os)),
            ("arch", json!(target.arch)),
            ("arch-variant", json!(target.variant)),
            ("distro", target.distro.as_ref().map_or(Value::Null, distro)),
        ])
    };
    let image = |image: &cnb::ImageId| object([("reference", json!(image.reference))]);
    let run_image = |image: &cnb::RunImage| {
        object([
            ("reference", json!(image.reference)),
            ("image", json!(image.image)),
            ("extend", json!(image.extend)),
            ("target", image.target.as_ref().map_or(Value::Null, target)),
        ])
    };
    object([
        ("image", analyzed.image.as_ref().map_or(Value::Null, image)),
        (
            "build-image",
            analyzed.build_image.as_ref().map_or(Value::Null, image),
        ),
        (
            "run-image",
            analyzed.run_image.as_ref().map_or(Value::Null, run_image),
        ),
    ])
}

fn names(image: &cnb::RunImageNames) -> Value {
    object([
        ("image", json!(image.image)),
        ("mirrors", json!(image.mirrors)),
    ])
}

fn system(system: &cnb::SystemToml) -> Value {
    let buildpack = |buildpack: &cnb::SystemBuildpack| {
        object([
            ("id", json!(buildpack.id)),
            ("version", json!(buildpack.version)),
            ("optional", json!(buildpack.optional)),
        ])
    };
    let side =
        |side: &cnb::SystemBuildpacks| object([("buildpacks", list(&side.buildpacks, buildpack))]);
    object([("pre", side(&system.pre)), ("post", side(&system.post))])
}

fn project(project: &cnb::ProjectMetadata) -> Value {
    let source = |source: &cnb::ProjectSource| {
        object([
            ("type", json!(source.source_type)),
            ("version", table(&source.version)),
            ("metadata", table(&source.metadata)),
        ])
    };
    object([(
        "source",
        project.source.as_ref().map_or(Value::Null, source),
    )])
}

/// An object without the fields that have their default.
fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let given = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(boolean) => *boolean,
        Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(array) => !array.is_empty(),
        Value::Object(object) => !object.is_empty(),
    };
    let fields = fields.into_iter().filter(|(_, value)| given(value));
    Value::Object(
        fields
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

fn list<T>(items: &[T], each: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(each).collect())
}

fn table(table: &toml::Table) -> Value {
    Value::Object(
        table
            .iter()
            .map(|(key, value)| (key.clone(), free(value)))
            .collect(),
    )
}

/// A value that a buildpack wrote, in the notation of the vectors.
fn free(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!({"$float": float(*number)}),
        toml::Value::Boolean(boolean) => json!(boolean),
        toml::Value::Datetime(datetime) => json!({"$datetime": datetime.to_string()}),
        toml::Value::Array(array) => list(array, free),
        toml::Value::Table(entries) => table(entries),
    }
}

fn float(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 {
            "+Inf".to_owned()
        } else {
            "-Inf".to_owned()
        };
    }
    number.to_string()
}
