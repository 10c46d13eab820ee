//! The environment that layers give a process.
//!
//! Spec: buildpack.md, "Provided by the Buildpacks"; `EV-6`.

use std::cell::Cell;
use std::path::Path;

use cnb::{Environment, Stage};

use crate::tree::{self, Layers, Text};

/// Applies, buildpack by buildpack, first the `bin` and `lib` of all layers, then all layers' files.
pub fn for_process(
    mut env: Environment,
    layers: &Layers,
    process_type: &str,
) -> Result<Environment, String> {
    for layers in layers.by_buildpack() {
        for layer in layers {
            add_root(&mut env, layer).map_err(|what| format!("add layer root: {what}"))?;
        }
        for layer in layers {
            add_files(&mut env, layer, process_type)
                .map_err(|what| format!("add layer env: {what}"))?;
        }
    }
    Ok(env)
}

fn add_root(env: &mut Environment, layer: &Path) -> Text<()> {
    let failure = Cell::new(None);
    let exists = |path: &Path| {
        tree::exists(path).unwrap_or_else(|what| {
            failure.set(Some(what));
            false
        })
    };
    env.add_layer_root(Stage::Launch, layer, &exists);
    failure.into_inner().map_or(Ok(()), Err)
}

fn add_files(env: &mut Environment, layer: &Path, process_type: &str) -> Text<()> {
    let launch = layer.join("env.launch");
    for dir in [&layer.join("env"), &launch] {
        add_dir(env, dir)?;
    }
    if process_type.is_empty() {
        return Ok(());
    }
    add_dir(env, &launch.join(process_type))
}

fn add_dir(env: &mut Environment, dir: &Path) -> Text<()> {
    let files = tree::env_dir(dir)
        .map_err(|what| format!("apply env files from dir '{}': {what}", dir.display()))?;
    env.add_layer_env(&files);
    Ok(())
}
