//! Everything that the layer with the packages follows from. An equal key means an equal layer, so nothing is started.

use std::ffi::OsStr;
use std::path::Path;

use toolkit::{BuildContext, Key, Result};

use crate::bytecode::Bytecode;
use crate::interpreter::Interpreter;
use crate::local::Local;
use crate::requirements::Requirements;
use crate::settings::Settings;
use crate::slices::Slices;
use crate::uv;

/// What the run image is.
const TARGET: [&str; 5] = [
    "CNB_TARGET_OS",
    "CNB_TARGET_ARCH",
    "CNB_TARGET_ARCH_VARIANT",
    "CNB_TARGET_DISTRO_NAME",
    "CNB_TARGET_DISTRO_VERSION",
];

/// Variables that compilers and build backends look at.
const FOR_BUILDS: [&str; 9] = [
    "AR",
    "CC",
    "CFLAGS",
    "CPPFLAGS",
    "CXX",
    "CXXFLAGS",
    "LDFLAGS",
    "RUSTFLAGS",
    "SETUPTOOLS_SCM_PRETEND_VERSION",
];

/// What is put together here.
pub(crate) struct Inputs<'a> {
    pub(crate) requirements: &'a Requirements,
    pub(crate) locals: &'a [Local],
    pub(crate) settings: &'a Settings,
    pub(crate) interpreter: &'a Interpreter,
    pub(crate) bytecode: Bytecode,
    pub(crate) slices: Slices,
    /// Where the venv will be: its programs name their interpreter by an absolute path.
    pub(crate) venv: &'a Path,
}

/// Times are not in it: the key lands in a label of the image.
pub(crate) fn key(cx: &BuildContext<'_>, inputs: &Inputs<'_>) -> Result<Key> {
    let mut key = Key::default()
        .with("buildpack", &cx.version)
        .with("uv", uv::VERSION)
        .with("python", &inputs.interpreter.minor)
        .with("interpreter", inputs.interpreter.path.display().to_string())
        .with("venv", inputs.venv.display().to_string())
        .with("bytecode", inputs.bytecode.name())
        .with("slices", inputs.slices.name());
    for name in TARGET {
        key = key.with(name, text(cx, name));
    }
    for file in &inputs.requirements.files {
        key = key.with_bytes(format!("file {}", file.path.display()), &file.bytes);
    }
    for local in inputs.locals {
        let name = format!("local {} {}", local.editable, local.path.display());
        key = key.with(name, local.identity(&cx.app)?);
    }
    if let Some(folder) = &inputs.settings.vendored {
        let vendored = Local {
            path: folder.strip_prefix(&cx.app).unwrap_or(folder).to_owned(),
            editable: false,
        };
        key = key.with("vendored", vendored.identity(&cx.app)?);
    }
    for (name, value) in inputs.settings.identity()? {
        key = key.with(format!("setting {name}"), value);
    }
    for (name, value) in cx.env.iter() {
        let name = name.to_string_lossy();
        if is_for_builds(&name) {
            key = key.with(format!("variable {name}"), value.to_string_lossy());
        }
    }
    Ok(key)
}

fn is_for_builds(name: &str) -> bool {
    FOR_BUILDS.contains(&name)
        || ["_CFLAGS", "_LDFLAGS"]
            .iter()
            .any(|end| name.ends_with(end))
        || name.starts_with("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_")
}

fn text(cx: &BuildContext<'_>, name: &str) -> String {
    cx.env.get(OsStr::new(name)).to_string_lossy().into_owned()
}
