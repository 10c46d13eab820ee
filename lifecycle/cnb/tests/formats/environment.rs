use std::ffi::OsString;
use std::path::Path;

use cnb::{EnvDir, Environment, ImageTarget, Stage};

fn environment(vars: &[(&str, &str)]) -> Environment {
    Environment::new(
        vars.iter()
            .map(|(name, value)| ((*name).into(), (*value).into())),
    )
}

fn dir(files: &[(&str, &str)]) -> EnvDir {
    files
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .collect()
}

fn check(env: &Environment, expected: &[(&str, &str)]) {
    assert_eq!(*env, environment(expected));
}

#[test]
fn ev_1_buildpacks_see_an_allow_list_of_our_own_variables() {
    let own = environment(&[
        ("HOME", "/h"),
        ("FOO", "1"),
        ("PATH", "/bin"),
        ("TERM", "x"),
        ("https_proxy", "p"),
        ("CPATH", "c"),
    ]);
    check(
        &Environment::for_build(own),
        &[
            ("CPATH", "c"),
            ("HOME", "/h"),
            ("PATH", "/bin"),
            ("https_proxy", "p"),
        ],
    );
}

#[test]
fn ev_8_every_element_of_ours_leaves_the_path() {
    let own = environment(&[
        ("CNB_APP_DIR", "/workspace"),
        ("CNB_EXEC_ENV", "test"),
        (
            "PATH",
            "/cnb/process:/bin:/cnb/lifecycle:/cnb/process/:/usr/bin:/cnb/process",
        ),
    ]);
    check(
        &Environment::for_launch(own),
        &[
            ("CNB_EXEC_ENV", "test"),
            ("PATH", "/bin:/cnb/process/:/usr/bin"),
        ],
    );
}

#[test]
fn ev_7_suffixes_say_what_a_file_does() {
    let mut env = environment(&[
        ("A", "a"),
        ("B", "b"),
        ("D", "d"),
        ("E", ""),
        ("O", "o"),
        ("P", "p"),
    ]);
    env.add_layer_env(&dir(&[
        ("A.append", "+"),
        ("B.append", "+"),
        ("B.delim", ","),
        ("D.default", "new"),
        ("E.default", "new"),
        ("F.append.bak", "ignored"),
        ("F.bak", "ignored"),
        ("N", "no suffix\n"),
        ("O.override", "new"),
        ("P.", "/first"),
        ("Q.append", "alone"),
        ("Q.delim", ","),
    ]));
    check(
        &env,
        &[
            ("A", "a+"),
            ("B", "b,+"),
            ("D", "d"),
            ("E", "new"),
            ("N", "no suffix\n"),
            ("O", "new"),
            ("P", "/first:p"),
            ("Q", "alone"),
        ],
    );
}

#[test]
fn ev_2_ev_3_platforms_override_and_operators_give_defaults() {
    let mut env = environment(&[("PATH", "/bin"), ("A", "a")]);
    env.add_platform_env(&dir(&[("PATH", "/user"), ("A", "user"), ("B.append", "b")]));
    env.add_build_config_env(&dir(&[
        ("A", "operator"),
        ("C", "operator"),
        ("D.prepend", "d"),
    ]));
    check(
        &env,
        &[
            ("A", "user"),
            ("B.append", "b"),
            ("C", "operator"),
            ("D", "d"),
            ("PATH", "/user:/bin"),
        ],
    );
}

#[test]
fn ev_5_ev_6_folders_of_a_layer_are_prepended_to_paths() {
    let mut build = environment(&[("PATH", "/bin")]);
    build.add_layer_root(Stage::Build, Path::new("/l"), &|path| {
        !path.ends_with("include")
    });
    check(
        &build,
        &[
            ("LD_LIBRARY_PATH", "/l/lib"),
            ("LIBRARY_PATH", "/l/lib"),
            ("PATH", "/l/bin:/bin"),
            ("PKG_CONFIG_PATH", "/l/pkgconfig"),
        ],
    );
    let mut launch = Environment::default();
    launch.add_layer_root(Stage::Launch, Path::new("/l"), &|_| true);
    check(
        &launch,
        &[("LD_LIBRARY_PATH", "/l/lib"), ("PATH", "/l/bin")],
    );
}

#[test]
fn ev_4_an_unknown_part_of_the_target_is_no_variable() {
    let mut env = Environment::default();
    env.add_target(&ImageTarget {
        os: "linux".into(),
        arch: "arm64".into(),
        variant: "v8".into(),
        ..ImageTarget::default()
    });
    check(
        &env,
        &[
            ("CNB_TARGET_ARCH", "arm64"),
            ("CNB_TARGET_ARCH_VARIANT", "v8"),
            ("CNB_TARGET_OS", "linux"),
        ],
    );
}
