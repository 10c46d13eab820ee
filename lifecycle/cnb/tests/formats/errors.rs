use std::path::Path;

use cnb::{BuildpackToml, ErrorKind, LayerToml, Order, Result};

fn check<T: std::fmt::Debug>(read: Result<T>, kind: ErrorKind, text: &str) {
    let error = read.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
}

#[test]
fn an_error_names_file_line_and_key() {
    let text = "api = \"0.10\"\n[buildpack]\nid = \"x\"\nversion = 1\n";
    check(
        BuildpackToml::parse(text, Path::new("/bp/buildpack.toml"), &[]),
        ErrorKind::Type,
        "reading /bp/buildpack.toml: line 4: key 'buildpack.version': this is an integer, it must be a string",
    );
    let text = "[[order]]\ngroup = [{id = \"a\"}, {id = \"b\", optional = \"yes\"}]\n";
    check(
        Order::parse(text, Path::new("order.toml")),
        ErrorKind::Type,
        "reading order.toml: line 2: key 'order[0].group[1].optional': this is a string, it must be a boolean",
    );
}

#[test]
fn an_error_of_the_syntax_names_file_and_line() {
    let error =
        LayerToml::parse("[types]\nlaunch = maybe\n", Path::new("/layers/bp/l.toml")).unwrap_err();
    assert_eq!((error.kind(), error.line()), (ErrorKind::Syntax, Some(2)));
    assert!(
        error
            .to_string()
            .starts_with("reading /layers/bp/l.toml: line 2: "),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_text_are_named_by_their_line() {
    let error = cnb::toml_file::text(b"a = 1\nb = \"\xff\"\n", Path::new("x.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reading x.toml: line 2: the text is not UTF-8"
    );
}

#[test]
fn an_id_that_is_no_name_is_found_where_it_stands() {
    check(
        Order::parse(
            "[[order]]\n[[order.group]]\nid = \"..\"\n",
            Path::new("order.toml"),
        ),
        ErrorKind::Type,
        "reading order.toml: line 3: key 'order[0].group[0].id': '..' is no buildpack id",
    );
}
