use std::fs;

use super::*;

fn world(files: &[(&str, &str)]) -> tempfile::TempDir {
    let app = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = app.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    app
}

fn read(files: &[(&str, &str)]) -> Result<Requirements> {
    let app = world(files);
    Requirements::read(app.path(), &[PathBuf::from("requirements.txt")])
}

fn failure(text: &str) -> String {
    read(&[("requirements.txt", text)]).unwrap_err().to_string()
}

fn one(text: &str) -> What {
    let found = read(&[("requirements.txt", text)]).unwrap();
    assert_eq!(found.lines.len(), 1, "{text}");
    found.lines[0].what.clone()
}

fn package(text: &str) -> Package {
    match one(text) {
        What::Package(package) => package,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn included_files_are_followed_from_the_folder_of_the_including_one() {
    let found = read(&[
        (
            "requirements.txt",
            "-r requirements/base.txt\n-c constraints.txt\nflask\n",
        ),
        (
            "requirements/base.txt",
            "-r ../more.txt\nrequests==2.32.3\n",
        ),
        ("more.txt", "-r requirements.txt\nclick\n"),
        ("constraints.txt", "click==8.1.8\n"),
    ])
    .unwrap();
    let files: Vec<_> = found
        .files
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect();
    assert_eq!(
        files,
        [
            "requirements.txt",
            "requirements/base.txt",
            "more.txt",
            "constraints.txt"
        ]
    );
    assert_eq!(found.packages().count(), 3);
    assert_eq!(found.line_of("Click").unwrap().shown(), "more.txt:2  click");
}

#[test]
fn a_missing_or_outside_file_is_named_with_the_line_that_asks_for_it() {
    let text = failure("flask\n-r dev.txt\n");
    assert!(
        text.contains("requirements file not found at: 'dev.txt'"),
        "{text}"
    );
    assert!(text.contains("requirements.txt:2  -r dev.txt"), "{text}");
    assert!(failure("-r ../other/x.txt").contains("SLP-PYT-115"));
    assert!(failure("-r /etc/passwd").contains("SLP-PYT-115"));
}

#[test]
fn requirements_are_taken_apart() {
    let flask = package("Flask[async,dotenv] >= 2.0, <4 ; python_version > \"3.8\"  # web");
    assert_eq!(flask.name, "Flask");
    assert_eq!(flask.specifier, ">=2.0,<4");
    assert_eq!(flask.marker, "python_version > \"3.8\"");
    assert!(!flask.is_pinned());
    assert!(package("a==1.0").is_pinned());
    assert!(package("a == 1.0.post1+cpu").is_pinned());
    assert!(!package("a==1.*").is_pinned());
    assert!(package("a (==1.0)").is_pinned());
    assert!(package("a===weird").is_pinned());
    let hashed = package("a==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n");
    assert!(hashed.hashed && hashed.is_pinned());
}

#[test]
fn urls_folders_and_options_are_recognised() {
    let url = |name: Option<&str>, url: &str| What::Url {
        name: name.map(str::to_owned),
        url: url.to_owned(),
        hashed: false,
    };
    assert_eq!(
        one("flask @ git+https://h/x@v1"),
        url(Some("flask"), "git+https://h/x@v1")
    );
    assert_eq!(
        one("git+https://h/x#egg=y"),
        url(Some("y"), "git+https://h/x#egg=y")
    );
    assert_eq!(
        one("-e git+https://h/x#egg=y"),
        url(Some("y"), "git+https://h/x#egg=y")
    );
    let local = |path: &str, editable| What::Local {
        path: path.to_owned(),
        editable,
    };
    assert_eq!(one("-e ."), local(".", true));
    assert_eq!(one("."), local(".", false));
    assert_eq!(
        one("./wheels/a-1-py3-none-any.whl"),
        local("./wheels/a-1-py3-none-any.whl", false)
    );
    assert_eq!(
        one("a-1-py3-none-any.whl"),
        local("a-1-py3-none-any.whl", false)
    );
    let option = |name: &str, value: Option<&str>| What::Option {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    assert_eq!(
        one("--extra-index-url https://h/simple"),
        option("--extra-index-url", Some("https://h/simple"))
    );
    assert_eq!(
        one("-i=https://h/simple"),
        option("--index-url", Some("https://h/simple"))
    );
    assert_eq!(one("--require-hashes"), option("--require-hashes", None));
}

#[test]
fn a_bad_line_is_named_with_file_and_number() {
    let text = failure("# dependencies\n\nan-invalid-requirement!\n");
    assert!(
        text.starts_with("error[SLP-PYT-101]: requirements.txt:3 is not a requirement"),
        "{text}"
    );
    assert!(
        text.contains("where: requirements.txt:3  an-invalid-requirement!"),
        "{text}"
    );
    for line in [
        "flask=3.0",
        "flask==",
        "[x]",
        "flask[a",
        "flask 3.0",
        "--frobnicate",
        "-r",
        "==1.0",
    ] {
        assert!(
            failure(line).contains("requirements.txt:1"),
            "{line}: {}",
            failure(line)
        );
    }
}

#[test]
fn files_in_other_encodings_are_explained() {
    let app = tempfile::tempdir().unwrap();
    let file = app.path().join("requirements.txt");
    fs::write(&file, b"\xff\xfef\0l\0").unwrap();
    let failure = Requirements::read(app.path(), &[PathBuf::from("requirements.txt")]).unwrap_err();
    assert!(failure.to_string().contains("PowerShell"), "{failure}");
    fs::write(&file, "\u{feff}flask\n").unwrap();
    let found = Requirements::read(app.path(), &[PathBuf::from("requirements.txt")]).unwrap();
    assert_eq!(found.lines[0].text, "flask");
}

#[test]
fn comments_and_continued_lines_are_counted_as_pip_counts_them() {
    let found = read(&[("requirements.txt", "a \\\n  ==1.0\n# b \\\nc # d\ne#f\n")]);
    // `e#f` is no comment, and no requirement either.
    assert!(
        found
            .unwrap_err()
            .to_string()
            .contains("requirements.txt:5")
    );
    let found = read(&[("requirements.txt", "a \\\n  ==1.0\n# b \\\nc # d\n")]).unwrap();
    let lines: Vec<_> = found
        .lines
        .iter()
        .map(|line| (line.place.line, line.text.as_str()))
        .collect();
    assert_eq!(lines, [(1, "a   ==1.0"), (4, "c")]);
}
