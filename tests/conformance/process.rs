//! process.jsonl: which process the launcher chooses (LA-1 to LA-4, LA-6, LA-7, API-1 to API-3).

use std::ffi::OsString;
use std::path::Path;

use launcher::shell::Script;
use launcher::{Chosen, Error, ErrorKind, Settings, choose};
use serde::Deserialize;

use crate::vectors::{Case, Verdict, cases, report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    platform_api: Option<String>,
    exec_env: Option<String>,
    env_process_type: Option<String>,
    metadata_toml: String,
    argv: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    #[serde(rename = "type")]
    process_type: String,
    command: Vec<String>,
    args: Vec<String>,
    direct: bool,
    working_dir: String,
    buildpack_id: String,
    script: bool,
    error: Option<String>,
    exit: Option<u8>,
}

#[test]
fn processes_are_chosen_as_the_go_launcher_chooses_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("config")).unwrap();
    report(
        "process.jsonl",
        &cases("process.jsonl"),
        |case: &Case<Input, Expect>| Verdict::of(&chosen(dir.path(), &case.input), &case.expect),
    );
}

fn chosen(layers: &Path, input: &Input) -> Expect {
    std::fs::write(layers.join("config/metadata.toml"), &input.metadata_toml).unwrap();
    let vars = [
        ("CNB_PLATFORM_API", input.platform_api.clone()),
        ("CNB_EXEC_ENV", input.exec_env.clone()),
        ("CNB_PROCESS_TYPE", input.env_process_type.clone()),
        ("CNB_LAYERS_DIR", Some(layers.to_str().unwrap().to_owned())),
    ];
    let vars = vars
        .into_iter()
        .filter_map(|(name, value)| Some((name.into(), value?.into())))
        .collect();
    let args = input.argv.iter().map(OsString::from).collect();
    let settings = match Settings::read(vars, args) {
        Ok(settings) => settings,
        Err(error) => return failed(&error),
    };
    choose(&settings)
        .and_then(|chosen| started(&chosen, &settings))
        .unwrap_or_else(|error| failed(&error))
}

/// Goes as far as one can without starting anything.
fn started(chosen: &Chosen, settings: &Settings) -> Result<Expect, Error> {
    let text = |word: &OsString| word.to_str().unwrap().to_owned();
    let script = if chosen.direct {
        drop(chosen.direct_command()?);
        false
    } else {
        Script::of(chosen, &settings.metadata.buildpacks)? == Script::Whole
    };
    Ok(Expect {
        process_type: chosen.process_type.clone(),
        command: chosen.command.iter().map(text).collect(),
        args: chosen.args.iter().map(text).collect(),
        direct: chosen.direct,
        working_dir: chosen.working_dir.to_str().unwrap().to_owned(),
        buildpack_id: chosen.buildpack_id.clone(),
        script,
        ..Expect::default()
    })
}

fn failed(error: &Error) -> Expect {
    let class = match error.kind() {
        ErrorKind::PlatformApi => "platform-api",
        ErrorKind::Metadata => "read-metadata",
        ErrorKind::BuildpackApi => "buildpack-api",
        ErrorKind::NoCommand => "no-command",
        ErrorKind::TypeNotFound => "type-not-found",
        ErrorKind::UnknownBuildpack => "unknown-buildpack",
        ErrorKind::EmptyCommand => "empty-command",
        other => panic!("nothing was started, but {other:?}: {error}"),
    };
    Expect {
        error: Some(class.to_owned()),
        exit: Some(error.exit_code()),
        ..Expect::default()
    }
}
