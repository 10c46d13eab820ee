use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

fn text(config: &Config) -> String {
    String::from_utf8(config.to_bytes()).unwrap()
}

#[test]
fn unknown_keys_stay_and_keys_are_sorted() {
    let mut config = config(
        r#"{"os":"linux","x":[1,{"b":2,"a":1.50}],"config":{"Shell":["sh"],"Healthcheck":{"Test":["CMD"]}}}"#,
    );
    config.set_label("b", "2");
    config.set_label("a", "1");
    let expected = r#"{"config":{"Healthcheck":{"Test":["CMD"]},"Labels":{"a":"1","b":"2"},"Shell":["sh"]},"os":"linux","x":[1,{"a":1.5,"b":2}]}"#;
    assert_eq!(text(&config), expected);
}

#[test]
fn a_variable_is_replaced_where_it_stands_or_added_last() {
    let mut config = config(r#"{"config":{"Env":["PATH=/bin","A=1","NONE","A=2"]}}"#);
    config.set_env("A", "x=y");
    config.set_env("B", "");
    config.set_env("PATHS", "1");
    let env: Vec<_> = config.env().collect();
    assert_eq!(
        env,
        [
            ("PATH", "/bin"),
            ("A", "x=y"),
            ("NONE", ""),
            ("A", "2"),
            ("B", ""),
            ("PATHS", "1")
        ]
    );
    assert_eq!(
        (config.env_value("B"), config.env_value("C")),
        (Some(""), None)
    );
}

#[test]
fn setting_nothing_removes_the_key() {
    let mut config = config(
        r#"{"config":{"Cmd":["a"],"Entrypoint":["b"],"User":"c","WorkingDir":"d","Labels":{"e":"f"}}}"#,
    );
    config.set_cmd(&[]);
    config.set_entrypoint(&[]);
    config.set_user("");
    config.set_working_dir("");
    config.remove_label("e");
    assert_eq!(text(&config), r#"{"config":{"Labels":{}}}"#);
}

#[test]
fn nulls_are_as_good_as_nothing() {
    let mut config = config(
        r#"{"config":{"Env":null,"Labels":null,"Cmd":null,"User":null,"ExposedPorts":null},"history":null,"rootfs":{"diff_ids":null}}"#,
    );
    assert_eq!(
        (
            config.env().count(),
            config.labels().count(),
            config.cmd().len(),
            config.user()
        ),
        (0, 0, 0, None)
    );
    assert_eq!((config.history(), config.diff_ids()), (vec![], vec![]));
    config.set_env("A", "1");
    config.set_label("l", "1");
    config.push_history(&History::new("", "x"));
    assert_eq!(
        (
            config.env_value("A"),
            config.label("l"),
            config.history().len()
        ),
        (Some("1"), Some("1"), 1)
    );
    let mut bare = Config::parse(b"{\"config\":null}").unwrap();
    bare.set_user("me");
    assert_eq!(bare.user(), Some("me"));
}

#[test]
fn wrong_shapes_are_refused() {
    let texts = [
        "",
        "null",
        "[]",
        "{",
        "{}{}",
        "\u{feff}{}",
        r#"{"config":[]}"#,
        r#"{"config":{"Env":{}}}"#,
        r#"{"config":{"Env":[1]}}"#,
        r#"{"config":{"Labels":{"a":1}}}"#,
        r#"{"config":{"Cmd":"sh"}}"#,
        r#"{"config":{"User":1}}"#,
        r#"{"rootfs":[]}"#,
        r#"{"rootfs":{"diff_ids":["x"]}}"#,
        r#"{"rootfs":{"diff_ids":[1]}}"#,
        r#"{"history":[1]}"#,
        r#"{"history":{}}"#,
        r#"{"os":1}"#,
        r#"{"created":1}"#,
    ];
    for text in texts {
        let error = Config::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Malformed, "{text}: {error:?}");
    }
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    assert!(Config::parse(&[b"{\"a\":", &deep[..], b"}"].concat()).is_err());
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(8 << 20));
    assert_eq!(
        Config::parse(large.as_bytes()).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
}

#[test]
fn history_keeps_what_it_knows() {
    let entry = History {
        created: Some("1980-01-01T00:00:01Z".into()),
        comment: Some("c".into()),
        empty_layer: true,
        ..History::default()
    };
    let mut config = config("{}");
    config.set_history(&[entry.clone(), History::new("", "RUN x")]);
    assert_eq!(config.history(), [entry, History::new("", "RUN x")]);
    let expected = r#"{"history":[{"comment":"c","created":"1980-01-01T00:00:01Z","empty_layer":true},{"created_by":"RUN x"}]}"#;
    assert_eq!(text(&config), expected);
}

/// Any JSON up to a small depth.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,10}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let key = prop_oneof![
            "\\PC{0,5}",
            proptest::sample::select(vec![
                "config",
                "rootfs",
                "diff_ids",
                "history",
                "Env",
                "Labels",
                "Cmd",
                "os",
                "layers",
                "manifests",
                "digest",
                "size",
                "mediaType"
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_parsed_or_refused_and_every_accessor_survives(value in json()) {
        let Ok(mut config) = Config::parse(value.to_string().as_bytes()) else { return Ok(()) };
        prop_assert_eq!(config.to_bytes(), value.to_string().into_bytes());
        config.set_env("A", "1");
        config.set_label("a", "1");
        config.set_cmd(&["x"]);
        config.push_history(&History::default());
        config.set_diff_ids([Digest::of(b"")].into_iter());
        prop_assert_eq!(config.env_value("A"), Some("1"));
        prop_assert_eq!(config.label("a"), Some("1"));
        prop_assert_eq!(config.cmd(), vec!["x"]);
        prop_assert_eq!(config.diff_ids(), vec![Digest::of(b"")]);
        prop_assert!(!config.history().is_empty());
        prop_assert!(Config::parse(&config.to_bytes()).is_ok());
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
        let _ = Config::parse(&bytes);
    }
}
