//! Texts from buildpacks, apps and images: they may be anything, we neither panic nor swell.

use std::path::Path;

use cnb::{BuildpackApi, BuildpackPlan, ErrorKind, PlatformApi, labels};
use proptest::prelude::*;

/// Reads the text with every reader.
fn read_all(text: &str) -> Vec<Option<ErrorKind>> {
    let file = Path::new("f");
    let kind = |error: cnb::Error| error.kind();
    let bin = ["build".to_owned()];
    let plan = BuildpackPlan::default();
    let mut kinds = vec![
        cnb::BuildpackToml::parse(text, file, &bin).err().map(kind),
        cnb::ExtensionToml::parse(text, file, &bin).err().map(kind),
        cnb::Order::parse(text, file).err().map(kind),
        cnb::Group::parse(text, file).err().map(kind),
        cnb::Plan::parse(text, file).err().map(kind),
        cnb::BuildpackPlan::parse(text, file).err().map(kind),
        cnb::BuildPlan::parse(text, file).err().map(kind),
        cnb::BuildToml::parse(text, file, &plan).err().map(kind),
        cnb::StoreToml::parse(text, file).err().map(kind),
        cnb::LayerToml::parse(text, file).err().map(kind),
        cnb::Analyzed::parse(text, file).err().map(kind),
        cnb::RunToml::parse(text, file).err().map(kind),
        cnb::StackToml::parse(text, file).err().map(kind),
        cnb::SystemToml::parse(text, file).err().map(kind),
        cnb::ProjectMetadata::parse(text, file).err().map(kind),
        cnb::LaunchMetadata::parse(text, file).err().map(kind),
        cnb::parse_exec_d(text, file).err().map(kind),
    ];
    kinds
        .extend(BuildpackApi::all().map(|api| cnb::Launch::parse(text, file, api).err().map(kind)));
    kinds.extend(
        PlatformApi::all().map(|api| cnb::Metadata::parse(text, file, api).err().map(kind)),
    );
    kinds
}

/// All readers begin alike, so that some stand for all.
fn all_refuse(text: &str, expected: ErrorKind) {
    let file = Path::new("f");
    assert_eq!(
        cnb::LayerToml::parse(text, file).unwrap_err().kind(),
        expected
    );
    assert_eq!(
        cnb::Launch::parse(text, file, BuildpackApi::LATEST)
            .unwrap_err()
            .kind(),
        expected
    );
    assert_eq!(cnb::parse_exec_d(text, file).unwrap_err().kind(), expected);
}

#[test]
fn a_file_larger_than_a_mebibyte_is_refused() {
    let comment = "#".repeat(1024 * 1024 - 1) + "\n";
    cnb::LayerToml::parse(&comment, Path::new("f")).unwrap();
    all_refuse(&(comment + "\n"), ErrorKind::TooLarge);
}

#[test]
fn a_file_of_more_than_ten_thousand_tables_is_refused() {
    let tables = |count: usize| {
        let headers: Vec<String> = (1..count).map(|index| format!("[t{index}]")).collect();
        headers.join("\n")
    };
    cnb::LayerToml::parse(&tables(10_000), Path::new("f")).unwrap();
    all_refuse(&tables(10_001), ErrorKind::TooLarge);
}

#[test]
fn a_file_nested_deeper_than_64_levels_is_refused() {
    let nested = |depth: usize| format!("x = {}{}\n", "[".repeat(depth), "]".repeat(depth));
    cnb::LayerToml::parse(&nested(63), Path::new("f")).unwrap();
    all_refuse(&nested(64), ErrorKind::TooLarge);
    // The library itself gives up early enough not to run out of stack.
    all_refuse(&nested(100_000), ErrorKind::Syntax);
    let dotted = format!("{} = 1\n", vec!["a"; 100_000].join("."));
    all_refuse(&dotted, ErrorKind::Syntax);
}

#[test]
fn json_that_is_no_label_is_an_error() {
    for text in [
        "",
        "null",
        "[]",
        "3",
        "\"x\"",
        "{\"app\":3}",
        "{\"buildpacks\":{}}",
        "{",
        &"[".repeat(100_000),
    ] {
        let _ = labels::BuildMetadata::from_json(text);
        let _ = labels::CacheMetadata::from_json(text);
        if text != "null" {
            assert!(
                labels::LifecycleMetadata::from_json(text).is_err(),
                "{text:.20}"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\[\\]{}a-c=.,\"'\\\\\n 0-9tf#-]{0,60}") {
        read_all(&text);
    }

    #[test]
    fn no_value_in_any_place_makes_a_reader_panic(
        key in "(api|order|group|id|processes|command|args|types|metadata|entries|requires|images|system|targets|or)",
        value in "(1|-1|1.5|inf|true|\"x\"|\\[\\]|\\[1\\]|\\[\"a\"\\]|\\{\\}|\\{id = 3\\}|\\[\\{\\}\\]|1979-05-27|07:32:00)",
    ) {
        read_all(&format!("{key} = {value}\n"));
        read_all(&format!("[[processes]]\n{key} = {value}\n"));
        read_all(&format!("[[order]]\n[[order.group]]\n{key} = {value}\n"));
    }

    #[test]
    fn no_json_makes_a_label_reader_panic(text in "[\\[\\]{}a-c:,\"0-9tfnul.e-]{0,60}") {
        let _ = labels::LifecycleMetadata::from_json(&text);
        let _ = labels::BuildMetadata::from_json(&text);
        let _ = labels::CacheMetadata::from_json(&text);
        let _ = labels::project_metadata_from_json(&text);
    }
}
