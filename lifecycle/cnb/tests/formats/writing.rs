use std::path::Path;

use cnb::{
    BuildpackPlan, Distro, Group, GroupElement, ImageTarget, Label, Launch, LayerToml, LayerTypes,
    Metadata, Plan, PlanEntry, Process, Report, Require, RunImage, Slice,
};

const FILE: &str = "f";

fn file() -> &'static Path {
    Path::new(FILE)
}

fn process() -> Process {
    Process {
        process_type: "web".into(),
        command: vec!["gunicorn".into(), "app:app".into()],
        args: vec!["--bind".into()],
        direct: true,
        default: true,
        working_dir: "/workspace/sub".into(),
        ..Process::default()
    }
}

#[test]
fn launch_toml_is_written_for_buildpack_api_0_9_and_newer() {
    let launch = Launch {
        labels: vec![Label {
            key: "k".into(),
            value: "v".into(),
        }],
        processes: vec![process()],
        slices: vec![Slice {
            paths: vec!["*.py".into()],
        }],
        ..Launch::default()
    };
    let text = launch.to_toml();
    assert_eq!(
        text,
        r#"[[labels]]
key = "k"
value = "v"

[[processes]]
type = "web"
command = ["gunicorn", "app:app"]
args = ["--bind"]
default = true
working-dir = "/workspace/sub"

[[slices]]
paths = ["*.py"]
"#
    );
    assert_eq!(
        Launch::parse(&text, file(), "0.10".parse().unwrap()).unwrap(),
        launch
    );
}

#[test]
fn bu_10_below_platform_api_0_10_a_command_is_one_word() {
    let metadata = Metadata {
        processes: vec![process()],
        ..Metadata::default()
    };
    let old = metadata.to_toml("0.9".parse().unwrap()).unwrap();
    assert!(
        old.contains("command = \"gunicorn\"\nargs = [\"app:app\", \"--bind\"]\n"),
        "{old}"
    );
    let new = metadata.to_toml("0.10".parse().unwrap()).unwrap();
    assert!(
        new.contains("command = [\"gunicorn\", \"app:app\"]\nargs = [\"--bind\"]\n"),
        "{new}"
    );
    assert_eq!(
        Metadata::parse(&new, file(), "0.10".parse().unwrap()).unwrap(),
        metadata
    );
}

#[test]
fn a_process_without_a_command_cannot_be_recorded_for_an_old_platform() {
    let metadata = Metadata {
        processes: vec![Process::default()],
        ..Metadata::default()
    };
    metadata.to_toml("0.9".parse().unwrap()).unwrap_err();
    metadata.to_toml("0.10".parse().unwrap()).unwrap();
}

#[test]
fn de_13_group_toml_does_not_say_that_extensions_are_optional() {
    let element = |id: &str, extension| GroupElement {
        id: id.parse().unwrap(),
        version: "1".into(),
        api: "0.10".into(),
        homepage: String::new(),
        extension,
        optional: extension,
    };
    let group = Group {
        buildpacks: vec![element("a/b", false)],
        extensions: vec![element("e", true)],
    };
    let text = group.to_toml();
    assert_eq!(
        text,
        "[[group]]\nid = \"a/b\"\nversion = \"1\"\napi = \"0.10\"\n\n\
         [[group-extensions]]\nid = \"e\"\nversion = \"1\"\napi = \"0.10\"\n"
    );
    assert_eq!(Group::parse(&text, file()).unwrap(), group);
}

#[test]
fn a_buildpack_plan_has_names_and_metadata_only() {
    let require = Require {
        name: "python".into(),
        metadata: "version = \"3.13\"\n[nested]\nn = 1\n".parse().unwrap(),
        ..Require::default()
    };
    let provider = GroupElement {
        id: "b".parse().unwrap(),
        version: "1".into(),
        ..GroupElement::default()
    };
    let plan = Plan {
        entries: vec![PlanEntry {
            providers: vec![provider],
            requires: vec![require.clone()],
        }],
    };
    assert_eq!(Plan::parse(&plan.to_toml(), file()).unwrap(), plan);
    let part = plan.part_of("b", false);
    assert_eq!(
        part,
        BuildpackPlan {
            entries: vec![require]
        }
    );
    assert_eq!(
        part.to_toml(),
        "[[entries]]\nname = \"python\"\n\n[entries.metadata]\nversion = \"3.13\"\n\n[entries.metadata.nested]\nn = 1\n"
    );
    assert_eq!(plan.part_of("b", true), BuildpackPlan::default());
    assert_eq!(plan.without(&["python".to_owned()]), Plan::default());
}

#[test]
fn a_restored_layer_says_nothing_of_its_types() {
    let metadata = Some(toml::Value::Table("n = 1\n".parse().unwrap()));
    let restored = LayerToml {
        metadata: metadata.clone(),
        ..LayerToml::default()
    };
    assert_eq!(restored.to_toml(), "[metadata]\nn = 1\n");
    let types = LayerTypes {
        launch: true,
        build: false,
        cache: true,
    };
    let written = LayerToml { types, metadata }.to_toml();
    assert_eq!(
        written,
        "[types]\nlaunch = true\nbuild = false\ncache = true\n\n[metadata]\nn = 1\n"
    );
}

#[test]
fn analyzed_toml_names_the_variant_twice() {
    let distro = Some(Distro {
        name: "debian".into(),
        version: "13".into(),
    });
    let target = ImageTarget {
        os: "linux".into(),
        arch: "arm64".into(),
        variant: "v8".into(),
        distro,
        ..ImageTarget::default()
    };
    let run_image = RunImage {
        reference: "r".into(),
        target: Some(target),
        ..RunImage::default()
    };
    let analyzed = cnb::Analyzed {
        run_image: Some(run_image),
        ..cnb::Analyzed::default()
    };
    let text = analyzed.to_toml();
    assert!(
        text.contains("arch-variant = \"v8\"\nvariant = \"v8\"\n"),
        "{text}"
    );
    assert_eq!(cnb::Analyzed::parse(&text, file()).unwrap(), analyzed);
}

#[test]
fn a_report_leaves_out_what_is_unknown() {
    let mut report = Report::default();
    report.image.tags = vec!["a:1".into()];
    assert_eq!(report.to_toml(), "[image]\ntags = [\"a:1\"]\n");
    report.image.digest = "sha256:1".into();
    report.image.manifest_size = 7;
    assert_eq!(
        report.to_toml(),
        "[image]\ntags = [\"a:1\"]\ndigest = \"sha256:1\"\nmanifest-size = 7\n"
    );
}
