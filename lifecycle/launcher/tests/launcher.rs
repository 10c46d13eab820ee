//! What the program does when it is started: what it becomes, what it says, how it fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

const BUILDPACK: &str = "[[buildpacks]]\nid = \"b\"\nversion = \"1\"\napi = \"0.10\"\n";

/// An image's folders, and what is to be started.
struct Image {
    root: tempfile::TempDir,
    launcher: Command,
}

impl Image {
    /// `name` is what the launcher is called by.
    fn new(name: &str, metadata: &str) -> Image {
        let root = tempfile::tempdir().unwrap();
        let mut launcher = Command::new(env!("CARGO_BIN_EXE_launcher"));
        launcher
            .arg0(name)
            .env_clear()
            .env("PATH", "/cnb/process:/usr/bin:/bin")
            .env("CNB_PLATFORM_API", "0.15");
        launcher
            .env("CNB_LAYERS_DIR", root.path().join("layers"))
            .env("CNB_APP_DIR", root.path().join("app"));
        let image = Image { root, launcher };
        image.write("layers/config/metadata.toml", metadata);
        image.write("app/file", "");
        image
    }

    fn with_process(process: &str) -> Image {
        Image::new(
            "/cnb/process/web",
            &format!("{BUILDPACK}[[processes]]\ntype = \"web\"\nbuildpack-id = \"b\"\n{process}"),
        )
    }

    fn write(&self, path: &str, content: &str) -> PathBuf {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        if content.starts_with("#!") {
            harness::ready(&path);
        }
        path
    }

    fn run(&mut self) -> (Option<i32>, String) {
        let Output { status, stdout, .. } = self.launcher.output().unwrap();
        let root = self.root.path().to_str().unwrap();
        (
            status.code(),
            String::from_utf8_lossy(&stdout).replace(root, ""),
        )
    }

    fn says(mut self, code: i32, text: &str) {
        assert_eq!(self.run(), (Some(code), text.to_owned()));
    }
}

#[test]
fn la_9_the_launcher_becomes_the_process() {
    let mut image = Image::with_process(
        "direct = true\ncommand = [\"sh\", \"-c\", \"echo $$ $0\"]\nargs = [\"zero\"]\n",
    );
    let child = image
        .launcher
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{id} zero\n")
    );
}

#[test]
fn arguments_need_not_be_text() {
    let mut image = Image::new("/cnb/lifecycle/launcher", "");
    image
        .launcher
        .args(["--", "printf", "%s"])
        .arg(OsStr::from_bytes(b"\xff\xfe"));
    assert_eq!(image.launcher.output().unwrap().stdout, b"\xff\xfe");
}

#[test]
fn la_1_the_platform_api_is_checked_first() {
    let failed = |api: Option<&str>| {
        let mut image = Image::new("/cnb/process/web", "no toml");
        match api {
            Some(api) => image.launcher.env("CNB_PLATFORM_API", api),
            None => image.launcher.env_remove("CNB_PLATFORM_API"),
        };
        image
    };
    let please = "ERROR: failed to get platform API version; please set 'CNB_PLATFORM_API' to specify the desired platform API version\n";
    failed(None).says(11, please);
    failed(Some(" ")).says(11, please);
    failed(Some("x")).says(11, "ERROR: failed to parse platform API 'x'\n");
    failed(Some("0.6")).says(11, "ERROR: failed to set platform API: platform API version '0.6' is incompatible with the lifecycle\n");
}

#[test]
fn api_3_the_buildpacks_apis_are_checked() {
    let image = |api: &str| {
        Image::new(
            "web",
            &format!("[[buildpacks]]\nid = \"a/b\"\napi = \"{api}\"\n"),
        )
    };
    image("0.1").says(12, "ERROR: failed to set API for buildpack 'a/b': buildpack API version '0.1' is incompatible with the lifecycle\n");
    image("").says(
        12,
        "ERROR: failed to parse buildpack API '' for buildpack 'a/b'\n",
    );
}

#[test]
fn la_2_without_process_and_command_there_is_nothing_to_start() {
    let text = "ERROR: failed to launch: determine start command: when there is no default process a command is required\n";
    Image::new("/cnb/lifecycle/launcher", "").says(82, text);
}

#[test]
fn la_2_the_variable_for_the_process_type_only_warns() {
    let mut image = Image::new("/cnb/lifecycle/launcher", "");
    image
        .launcher
        .env("CNB_PROCESS_TYPE", "web")
        .args(["--", "true"]);
    let text = "Warning: CNB_PROCESS_TYPE is not supported in Platform API 0.15\n\
        Warning: Run with ENTRYPOINT 'web' to invoke the 'web' process type\n";
    image.says(0, text);
}

#[test]
fn la_6_a_command_that_is_not_there_is_named() {
    let text = "ERROR: failed to launch: path lookup: exec: \"gone\": executable file not found in $PATH\n";
    Image::with_process("direct = true\ncommand = [\"gone\"]\n").says(82, text);
    let text = "ERROR: failed to launch: path lookup: exec: \"./gone\": stat ./gone: no such file or directory\n";
    Image::with_process("direct = true\ncommand = [\"./gone\"]\n").says(82, text);
}

#[test]
fn la_6_a_directory_or_a_file_nobody_may_run_is_passed_over() {
    let mut image = Image::with_process("direct = true\ncommand = [\"tool\"]\n");
    for (dir, mode) in [("one", 0o644), ("three", 0o755)] {
        let path = image.write(&format!("{dir}/tool"), "#!/bin/sh\necho $0\n");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir_all(image.root.path().join("two/tool")).unwrap();
    let path = ["one", "two", "three"]
        .map(|dir| image.root.path().join(dir).to_str().unwrap().to_owned())
        .join(":");
    image.launcher.env("PATH", path);
    image.says(0, "/three/tool\n");
}

#[test]
fn a_program_found_relative_to_the_current_directory_is_refused() {
    let mut image = Image::with_process("direct = true\ncommand = [\"tool\"]\n");
    image.write("app/tool", "#!/bin/sh\n");
    image.launcher.env("PATH", ".:/bin");
    let text = "ERROR: failed to launch: path lookup: exec: \"tool\": cannot run executable found relative to current directory\n";
    image.says(82, text);
}

#[test]
fn la_5_programs_in_exec_d_override_variables_in_turn() {
    let mut image =
        Image::with_process("direct = true\ncommand = [\"sh\", \"-c\", \"echo $A $B\"]\n");
    image.write("layers/b/l/exec.d/1", "#!/bin/sh\necho 'A = \"one\"' >&3\n");
    image.write(
        "layers/b/l/exec.d/2",
        "#!/bin/sh\necho \"B = \\\"$A two\\\"\" >&3\n",
    );
    image.write(
        "layers/b/l/exec.d/web/3",
        "#!/bin/sh\necho 'A = \"three\"' >&3\n",
    );
    image.write("layers/b/l/exec.d/other/4", "#!/bin/sh\nexit 1\n");
    image.launcher.env("A", "ours");
    image.says(0, "three one two\n");
}

#[test]
fn la_5_a_program_in_exec_d_that_fails_is_named() {
    let image = |script: &str| {
        let image = Image::with_process("direct = true\ncommand = [\"true\"]\n");
        image.write("layers/b/l/exec.d/it", script);
        image
    };
    let text = "ERROR: failed to launch: exec.d: failed to execute exec.d file at path '/layers/b/l/exec.d/it': exit status 3\n";
    image("#!/bin/sh\nexit 3\n").says(82, text);
    let text = "ERROR: failed to launch: exec.d: failed to execute exec.d file at path '/layers/b/l/exec.d/it': \
        fork/exec /layers/b/l/exec.d/it: no such file or directory\n";
    image("#!/gone\n").says(82, text);
    let mut broken = image("#!/bin/sh\necho 'A = 1' >&3\n");
    let (code, said) = broken.run();
    assert_eq!(code, Some(82));
    assert!(
        said.contains("failed to decode output from exec.d file at path '/layers/b/l/exec.d/it': "),
        "{said}"
    );
}

#[test]
fn la_5_the_output_ends_when_the_last_writer_is_gone() {
    let image = Image::with_process("direct = true\ncommand = [\"sh\", \"-c\", \"echo $A\"]\n");
    image.write(
        "layers/b/l/exec.d/1",
        "#!/bin/sh\n(sleep 0.3; echo 'A = \"late\"' >&3) &\n",
    );
    image.says(0, "late\n");
}

#[test]
fn an_inherited_descriptor_3_reaches_the_process_and_not_the_programs_in_exec_d() {
    let image = Image::with_process("direct = true\ncommand = [\"sh\", \"-c\", \"cat <&3\"]\n");
    image.write(
        "layers/b/l/exec.d/1",
        "#!/bin/sh\ntest -p /proc/self/fd/3 && echo 'A = \"x\"' >&3\n",
    );
    let file = image.write("inherited", "still there\n");
    // Bash gives the descriptor, because Rust gives none.
    let mut shell = Command::new("/bin/bash");
    shell
        .arg("-c")
        .arg("exec 3<\"$1\"; exec -a /cnb/process/web \"$0\"")
        .arg(env!("CARGO_BIN_EXE_launcher"))
        .arg(file);
    shell.env_clear();
    for (name, value) in image.launcher.get_envs() {
        shell.env(name, value.unwrap());
    }
    let output = shell.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "still there\n");
}

#[test]
fn a_link_loop_in_a_layer_is_an_error_and_not_silence() {
    let mut image = Image::with_process("direct = true\ncommand = [\"true\"]\n");
    image.write("layers/b/l/keep", "");
    symlink("bin", image.root.path().join("layers/b/l/bin")).unwrap();
    let (code, said) = image.run();
    assert_eq!(code, Some(82));
    assert!(
        said.starts_with(
            "ERROR: failed to launch: modify env: add layer root: stat /layers/b/l/bin: "
        ),
        "{said}"
    );
}

#[test]
fn a_closed_standard_output_changes_nothing() {
    let mut image = Image::new("/cnb/lifecycle/launcher", "");
    image.launcher.stdout(fs::File::open("/dev/full").unwrap());
    assert_eq!(image.launcher.status().unwrap().code(), Some(82));
}
