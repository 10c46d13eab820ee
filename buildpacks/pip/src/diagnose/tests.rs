//! What uv 0.13.8 really said, and what becomes of it.

use std::path::PathBuf;

use super::*;

/// Explains `text`, printed by uv for a requirements file.
fn check(requirements: &str, text: &str) -> String {
    let app = tempfile::tempdir().unwrap();
    std::fs::write(app.path().join("requirements.txt"), requirements).unwrap();
    let requirements =
        Requirements::read(app.path(), &[PathBuf::from("requirements.txt")]).unwrap();
    let interpreter = Interpreter {
        path: PathBuf::from("/usr/bin/python3.13"),
        minor: "3.13".to_owned(),
    };
    let ended = Ended {
        exit: Exit::Code(1),
        text: text.to_owned(),
    };
    let subject = Subject {
        requirements: &requirements,
        interpreter: &interpreter,
    };
    explain(&ended, &subject).to_string()
}

/// Every part stands in the explanation.
fn says(explained: &str, parts: &[&str]) {
    for part in parts {
        assert!(
            explained.contains(part),
            "`{part}` is missing in\n{explained}"
        );
    }
}

#[test]
fn an_unknown_package() {
    let explained = check(
        "flask==3.0.3\nfalsk==1.0\n",
        "error: No solution found when resolving dependencies\n  cause: Because falsk was not found in the package registry and you require falsk==1.0, we can conclude that your requirements are unsatisfiable.\n",
    );
    assert_eq!(
        explained,
        "error[SLP-PYT-102]: there is no package called falsk\n\
         \x20 cause: falsk was not found in the package registry\n\
         \x20 where: requirements.txt:2  falsk==1.0\n\
         \x20 state: nothing was installed\n\
         \x20 help: check the spelling: https://pypi.org/search/?q=falsk\n\
         \x20 help: for a package of your own set PIP_EXTRA_INDEX_URL, or name its folder: ./path"
    );
}

#[test]
fn a_version_that_does_not_exist() {
    let explained = check(
        "# web\nflask==99.0\n",
        "error: No solution found when resolving dependencies\n  cause: Because there is no version of flask==99.0 and you require flask==99.0, we can conclude that your requirements are unsatisfiable.\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-103",
            "no version of flask that is ==99.0",
            "requirements.txt:2  flask==99.0",
        ],
    );
}

#[test]
fn two_lines_that_contradict_each_other() {
    let explained = check(
        "Flask==3.0.3\nWerkzeug==2.0.0\n",
        "error: No solution found when resolving dependencies\n  cause: Because flask==3.0.3 depends on werkzeug>=3.0.0 and you require flask==3.0.3, we can conclude that you require werkzeug>=3.0.0.\n         And because you require werkzeug==2.0.0, we can conclude that your requirements are unsatisfiable.\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-106",
            "flask==3.0.3 depends on werkzeug>=3.0.0",
            "         And because you require werkzeug==2.0.0",
            "requirements.txt:1  Flask==3.0.3",
            "requirements.txt:2  Werkzeug==2.0.0",
        ],
    );
}

#[test]
fn a_package_for_a_newer_python_names_both() {
    let explained = check(
        "django==6.0\n",
        "error: No solution found when resolving dependencies\n  cause: Because the current Python version (3.11.7) does not satisfy Python>=3.12 and django==6.0 depends on Python>=3.12, we can conclude that django==6.0 cannot be used.\n         And because you require django==6.0, we can conclude that your requirements are unsatisfiable.\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-109",
            "django 6.0 needs Python >=3.12, the base image has 3.13",
            "requirements.txt:1  django==6.0",
        ],
    );
}

#[test]
fn a_wrong_hash_is_never_transient() {
    let explained = check(
        "itsdangerous==2.1.2 --hash=sha256:00\n",
        "error: Failed to download `itsdangerous==2.1.2`\n  cause: Hash mismatch for `itsdangerous==2.1.2`\n\n         Expected:\n           sha256:00\n\n         Computed:\n           sha256:2c23\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-105",
            "itsdangerous==2.1.2",
            "Computed:",
            "sha256:2c23",
            "requirements.txt:1  itsdangerous==2.1.2",
        ],
    );
}

#[test]
fn a_missing_hash() {
    let explained = check(
        "itsdangerous==2.1.2\nflask\n",
        "error: In `--require-hashes` mode, all requirements must have their versions pinned with `==`, but found: flask\n",
    );
    says(&explained, &["SLP-PYT-119", "requirements.txt:2  flask"]);
}

#[test]
fn a_package_of_python_2() {
    let explained = check(
        "# old\nwsgiref==0.1.2\nFlask==0.9\n",
        "error: Failed to build `wsgiref==0.1.2`\n  cause: The build backend returned an error\n  cause: Call to `setuptools.build_meta:__legacy__.get_requires_for_build_wheel` failed (exit status: 1)\n\n         [stderr]\n         SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-108",
            "wsgiref is a Python 2 package",
            "it is part of Python 3",
            "requirements.txt:2  wsgiref==0.1.2",
            "remove the line",
        ],
    );
}

#[test]
fn packages_of_python_2_are_named_whichever_of_them_failed_first() {
    let explained = check(
        "Flask==0.9\nwsgiref==0.1.2\n",
        "error: Failed to build `flask==0.9`\n  cause: The build backend returned an error\n         SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?\n",
    );
    says(
        &explained,
        &[
            "wsgiref is a Python 2 package",
            "where: requirements.txt:2  wsgiref==0.1.2",
            "where: requirements.txt:1  Flask==0.9",
            "take a newer version of flask",
        ],
    );
    let explained = check(
        "Flask==0.9\nwsgiref==0.1.2 ; python_version < '3'\n",
        "error: Failed to build `flask==0.9`\n  cause: The build backend returned an error\n         SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?\n",
    );
    says(
        &explained,
        &[
            "flask 0.9 is written for Python 2",
            "where: requirements.txt:1  Flask==0.9",
        ],
    );
}

#[test]
fn a_build_that_needs_headers_and_what_to_use_instead() {
    let explained = check(
        "mysqlclient==2.1.1\n",
        "Resolved 1 package in 372ms\n   Building mysqlclient==2.1.1\nerror: Failed to build `mysqlclient==2.1.1`\n  cause: The build backend returned an error\n  cause: Call to `setuptools.build_meta:__legacy__.get_requires_for_build_wheel` failed (exit status: 1)\n\n         [stdout]\n         mysql_config --version\n\n         [stderr]\n         /bin/sh: 1: mysql_config: not found\n         OSError: mysql_config not found\n\nhint: Build failures usually indicate a problem with the package or the build environment\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-104",
            "mysqlclient 2.1.1 has no wheel for Python 3.13",
            "libmariadb-dev",
            "use PyMySQL instead",
            "requirements.txt:1  mysqlclient==2.1.1",
        ],
    );
}

#[test]
fn a_build_that_needs_a_compiler() {
    let explained = check(
        "greenlet==3.0.1\n",
        "error: Failed to build `greenlet==3.0.1`\n  cause: The build backend returned an error\n  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)\n\n         [stderr]\n         error: command 'gcc' failed: No such file or directory\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-104",
            "a C compiler (Debian: build-essential)",
            "requirements.txt:1  greenlet==3.0.1",
        ],
    );
}

#[test]
fn a_build_that_fails_for_its_own_reasons_shows_their_end() {
    let explained = check(
        "odd==1\n",
        "error: Failed to build `odd==1`\n  cause: The build backend returned an error\n  cause: Call to `x` failed (exit status: 1)\n\n         [stderr]\n         ValueError: odd indeed\n",
    );
    says(&explained, &["SLP-PYT-118", "ValueError: odd indeed"]);
}

#[test]
fn a_repository_that_cannot_be_reached_is_named_with_its_line() {
    let explained = check(
        "flask @ git+https://github.com/pallets/flask\n",
        "   Updating https://github.com/pallets/flask (HEAD)\nerror: Failed to download and build `flask @ git+https://github.com/pallets/flask`\n  cause: Git operation failed\n  cause: failed to clone into: /x\n  cause: process didn't exit successfully: `/usr/bin/git fetch` (exit status: 128)\n         --- stderr\n         fatal: unable to access 'https://github.com/pallets/flask/': Could not resolve host: github.com\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-107",
            "requirements.txt:1  flask @ git+https://github.com/pallets/flask",
            "Could not resolve host",
            "check that the host can be reached",
        ],
    );
}

#[test]
fn a_build_image_without_git() {
    let explained = check(
        "flask @ git+https://github.com/pallets/flask\n",
        "error: Failed to download and build `flask @ git+https://github.com/pallets/flask`\n  cause: Git operation failed\n  cause: Git executable not found. Ensure that Git is installed and available.\n",
    );
    says(
        &explained,
        &[
            "SLP-PYT-107",
            "the build image has no git",
            "requirements.txt:1  flask @ git+",
        ],
    );
}

#[test]
fn networks_certificates_credentials_and_disks() {
    for (code, words, text) in [
        (
            "SLP-PYT-110",
            "cannot be reached",
            "error: Request failed after 3 retries in 1.8s\n  cause: Failed to fetch: https://nohost.invalid/simple/x/\n  cause: error sending request for url (https://nohost.invalid/simple/x/)\n  cause: client error (Connect)\n  cause: dns error\n",
        ),
        (
            "SLP-PYT-110",
            "does not work at the moment",
            "error: Request failed after 3 retries in 1.4s\n  cause: Failed to fetch: http://h/simple/x/\n  cause: HTTP status server error (503 Service Unavailable) for url (http://h/simple/x/)\n",
        ),
        (
            "SLP-PYT-110",
            "the network is switched off",
            "error: No solution found when resolving dependencies\n  cause: Because x was not found in the cache and you require x==4.9.0, we can conclude that your requirements are unsatisfiable.\n\nhint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may only be read from the cache.\n",
        ),
        (
            "SLP-PYT-111",
            "SSL_CERT_FILE",
            "error: Failed to fetch: https://pypi.org/simple/x/\n  cause: error sending request for url (https://pypi.org/simple/x/)\n  cause: client error (Connect)\n  cause: invalid peer certificate: UnknownIssuer\n",
        ),
        (
            "SLP-PYT-112",
            "http://h/401/simple",
            "error: No solution found when resolving dependencies\n  cause: Because x was not found in the package registry and you require x==4.9.0, we can conclude that your requirements are unsatisfiable.\n\nhint: An index URL (http://me:pw@h/401/simple) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)\n",
        ),
        (
            "SLP-PYT-113",
            "make room",
            "error: Failed to install: x-1-py3-none-any.whl (x==1)\n  cause: failed to copy file\n  cause: No space left on device (os error 28)\n",
        ),
    ] {
        let explained = check("x\n", text);
        says(&explained, &[code, words]);
        assert!(!explained.contains("pw@"), "{explained}");
    }
}

#[test]
fn what_nobody_has_foreseen_is_said_in_uvs_words() {
    let explained = check(
        "x\n",
        "Resolved\nerror: something new\n  cause: because\nhint: do this\n",
    );
    assert_eq!(
        explained,
        "error[SLP-PYT-199]: uv failed: something new\n  cause: because\n  state: nothing was installed\n  help: do this"
    );
}

#[test]
fn a_killed_installer_had_too_little_memory() {
    let ended = Ended {
        exit: Exit::Signal(9),
        text: String::new(),
    };
    let requirements = Requirements::default();
    let interpreter = Interpreter {
        path: PathBuf::new(),
        minor: String::new(),
    };
    let subject = Subject {
        requirements: &requirements,
        interpreter: &interpreter,
    };
    assert_eq!(explain(&ended, &subject).code(), "SLP-PYT-120");
}
