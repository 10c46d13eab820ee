use std::path::Path;

use cnb::labels::{
    BuildMetadata, BuildpackLayers, CacheMetadata, LauncherMetadata, LayerLabel, LifecycleMetadata,
    legacy_bom,
};
use cnb::{BomEntry, ErrorKind, GroupElement, Process, StoreToml};

fn toml(text: &str) -> toml::Value {
    toml::Value::Table(text.parse().unwrap())
}

fn label(data: &str) -> LifecycleMetadata {
    let layer = LayerLabel {
        sha: "sha256:1".into(),
        launch: true,
        data: Some(toml(data)),
        ..LayerLabel::default()
    };
    let layers = [("l".to_owned(), layer)].into();
    LifecycleMetadata {
        buildpacks: vec![BuildpackLayers {
            key: "b".into(),
            version: "1".into(),
            layers,
            store: None,
        }],
        ..LifecycleMetadata::default()
    }
}

/// The text of the layer's `data` in the label.
fn data(toml: &str) -> String {
    let json = label(toml).to_json().unwrap();
    let (_, rest) = json.split_once("\"data\":").unwrap();
    rest.split_once(",\"build\"").unwrap().0.to_owned()
}

#[test]
fn an_empty_label_has_the_fields_that_go_always_writes() {
    assert_eq!(
        LifecycleMetadata::default().to_json().unwrap(),
        r#"{"app":null,"buildpacks":null,"config":{"sha":""},"launcher":{"sha":""},"process-types":{"sha":""},"runImage":{"topLayer":"","reference":""}}"#
    );
    assert_eq!(
        CacheMetadata::default().to_json().unwrap(),
        r#"{"sbom":{"sha":""},"buildpacks":null}"#
    );
}

#[test]
fn integers_stay_integers_through_a_label() {
    let json = label("int = 9007199254740993\nfloat = 2.0\n")
        .to_json()
        .unwrap();
    let read = LifecycleMetadata::from_json(&json).unwrap();
    assert_eq!(
        read.buildpacks[0].layers["l"].data,
        Some(toml("int = 9007199254740993\nfloat = 2.0\n"))
    );
}

#[test]
fn numbers_look_as_go_writes_them_but_for_the_point_of_a_float() {
    let text = "a = 2.0\nb = 1.5\nc = 1e21\nd = 1e-7\ne = 123456789012345678\nf = -0.0\ng = 1e20\nh = 0.000001\n";
    assert_eq!(
        data(text),
        r#"{"a":2.0,"b":1.5,"c":1e+21,"d":1e-7,"e":123456789012345678,"f":-0.0,"g":100000000000000000000.0,"h":0.000001}"#
    );
}

#[test]
fn dates_and_times_become_text() {
    let text = "a = 2024-01-02T03:04:05.500Z\nb = 2024-01-02T03:04:05+02:00\nc = 2024-01-02\nd = 07:08:09\n";
    assert_eq!(
        data(text),
        r#"{"a":"2024-01-02T03:04:05.5Z","b":"2024-01-02T03:04:05+02:00","c":"2024-01-02T00:00:00Z","d":"0000-01-01T07:08:09Z"}"#
    );
}

#[test]
fn text_is_escaped_as_go_escapes_it() {
    let value = toml::Value::String("<a> & \u{2028}\u{2029} \"q\" \\ \u{7f}\u{1}\n\té".into());
    let table: toml::Table = [("k".to_owned(), value)].into_iter().collect();
    let store = StoreToml { metadata: table };
    let buildpack = BuildpackLayers {
        store: Some(store),
        ..BuildpackLayers::default()
    };
    let json = CacheMetadata {
        buildpacks: vec![buildpack],
        ..CacheMetadata::default()
    }
    .to_json()
    .unwrap();
    let expected =
        "{\"k\":\"\\u003ca\\u003e \\u0026 \\u2028\\u2029 \\\"q\\\" \\\\ \u{7f}\\u0001\\n\\té\"}";
    assert!(json.contains(expected), "{json}");
}

#[test]
fn a_float_without_a_number_has_no_place_in_a_label() {
    assert_eq!(
        label("x = inf\n").to_json().unwrap_err().kind(),
        ErrorKind::NotJson
    );
}

#[test]
fn null_counts_as_absent() {
    let text = r#"{"app":null,"sbom":null,"buildpacks":[null,{"key":"b","layers":{"l":{"sha":"s","data":{"x":null,"y":1}}},"store":null}],"stack":null}"#;
    let read = LifecycleMetadata::from_json(text).unwrap();
    assert_eq!(
        read.of("b").unwrap().layers["l"].data,
        Some(toml("y = 1\n"))
    );
    assert_eq!((read.sbom, read.stack), (None, None));
}

#[test]
fn the_cache_may_be_followed_by_garbage_but_a_label_not() {
    CacheMetadata::from_json("{\"sbom\":{\"sha\":\"x\"}} garbage").unwrap();
    LifecycleMetadata::from_json("{} garbage").unwrap_err();
}

#[test]
fn the_build_label_depends_on_the_platform() {
    let process = Process {
        process_type: "web".into(),
        command: vec!["run".into()],
        args: vec!["<x>".into()],
        direct: true,
        buildpack_id: "b".into(),
        ..Process::default()
    };
    let build = BuildMetadata {
        buildpacks: vec![GroupElement {
            id: "b".parse().unwrap(),
            version: "1".into(),
            api: "0.10".into(),
            ..GroupElement::default()
        }],
        launcher: LauncherMetadata {
            version: "1.2".into(),
            ..LauncherMetadata::default()
        },
        processes: vec![process],
        ..BuildMetadata::default()
    };
    let rest = |command: &str| {
        format!(
            r#""buildpacks":[{{"id":"b","version":"1"}}],"launcher":{{"version":"1.2","source":{{"git":{{"repository":"","commit":""}}}}}},"processes":[{{"type":"web","command":{command},"args":["\u003cx\u003e"],"direct":true,"buildpackID":"b"}}]}}"#
        )
    };
    assert_eq!(
        build.to_json("0.8".parse().unwrap()).unwrap(),
        format!("{{\"bom\":null,{}", rest("\"run\""))
    );
    assert_eq!(
        build.to_json("0.9".parse().unwrap()).unwrap(),
        format!("{{{}", rest("\"run\""))
    );
    let json = build.to_json("0.10".parse().unwrap()).unwrap();
    assert_eq!(json, format!("{{{}", rest("[\"run\"]")));
    let mut read = BuildMetadata::from_json(&json).unwrap();
    read.buildpacks[0].api = "0.10".into();
    assert_eq!(read, build);
}

#[test]
fn bu_9_the_legacy_bill_of_materials_is_null_when_there_is_none() {
    assert_eq!(legacy_bom(&[]).unwrap(), "null\n");
    let buildpack = GroupElement {
        id: "b".parse().unwrap(),
        version: "1".into(),
        ..GroupElement::default()
    };
    let entry = BomEntry {
        name: "n".into(),
        buildpack,
        ..BomEntry::default()
    };
    assert_eq!(
        legacy_bom(&[entry]).unwrap(),
        "[{\"name\":\"n\",\"metadata\":null,\"buildpack\":{\"id\":\"b\",\"version\":\"1\"}}]\n"
    );
}

#[test]
fn analyzed_toml_has_the_keys_of_go_and_gives_back_what_was_put_in() {
    let text = "[metadata]\n[[metadata.app]]\nsha = \"sha256:a\"\n[[metadata.buildpacks]]\nkey = \"b\"\nversion = \"1\"\n\
        [metadata.buildpacks.layers.l]\nsha = \"sha256:l\"\nlaunch = true\n[metadata.buildpacks.layers.l.metadata]\nv = 0\n\
        [metadata.run-image]\ntop-layer = \"sha256:t\"\nreference = \"r\"\nimage = \"i\"\n[metadata.stack.run-image]\nimage = \"i\"\n";
    let analyzed = cnb::Analyzed::parse(text, Path::new("analyzed.toml")).unwrap();
    assert_eq!(
        analyzed.metadata.buildpacks[0].layers["l"].data,
        Some(toml("v = 0\n"))
    );
    assert_eq!(analyzed.metadata.run_image.top_layer, "sha256:t");
    assert_eq!(
        analyzed.metadata.stack.as_ref().unwrap().run_image.image,
        "i"
    );
    let again = cnb::Analyzed::parse(&analyzed.to_toml(), Path::new("analyzed.toml")).unwrap();
    assert_eq!(again, analyzed);
}
