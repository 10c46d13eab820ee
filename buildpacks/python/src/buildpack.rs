//! What the lifecycle calls: does this look like Python, and does the interpreter suit it?

use std::path::Path;

use toolkit::{
    BuildContext, BuildPlan, Built, DetectContext, Detection, Failure, LayerTypes, PlanSections,
    Require, Result, Scope, provide, require,
};

use crate::interpreter::{self, Interpreter};
use crate::wanted::{Wanted, wanted};

/// The dependency's name, and what Paketo's buildpacks call it.
const NAMES: [&str; 2] = ["python", "cpython"];

/// Files that a Python project has at its top.
const SIGNS: [&str; 13] = [
    "requirements.txt",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "Pipfile",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pylock.toml",
    ".python-version",
    "runtime.txt",
    "manage.py",
    "environment.yml",
];

/// How processes should behave in a container, unless they are told otherwise: lines of the log come as they are
/// written, and nobody writes bytecode that is lost with the container.
const AT_LAUNCH: [(&str, &str); 3] = [
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("LANG", "C.UTF-8"),
];

/// The buildpack.
#[derive(Debug, Clone, Copy)]
pub struct Python;

impl toolkit::Buildpack for Python {
    fn descriptor(&self) -> &'static str {
        crate::DESCRIPTOR
    }

    fn detect(&self, cx: &DetectContext<'_>) -> Result<Detection> {
        let own = if looks_like_python(&cx.app) {
            vec![require(NAMES[0], &["launch"])]
        } else {
            Vec::new()
        };
        Ok(Detection::Pass(offer(&own)))
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Built> {
        let interpreter = interpreter::find(cx)?;
        let wanted = wanted(cx)?;
        check(wanted.as_ref(), &interpreter)?;
        cx.log.line(&describe(wanted.as_ref(), &interpreter));
        let layer = cx.new_layer(
            "env",
            LayerTypes {
                launch: true,
                ..LayerTypes::default()
            },
        )?;
        for (name, value) in AT_LAUNCH {
            layer.set_default(Scope::Launch, name, value)?;
        }
        layer.finish()?;
        Ok(Built::default())
    }
}

/// Under either name or both, whichever others want. A source that looks like Python wants it itself, so that a script
/// without dependencies is enough.
fn offer(own: &[Require]) -> BuildPlan {
    let sections = |names: &[&str]| PlanSections {
        provides: names.iter().map(|name| provide(name)).collect(),
        requires: own.to_vec(),
    };
    let [first, mut or @ ..] = [
        sections(&NAMES[..1]),
        sections(&NAMES),
        sections(&NAMES[1..]),
    ];
    // Without its own name there is nothing that could meet its own requirement.
    or[1].requires.clear();
    BuildPlan {
        provides: first.provides,
        requires: first.requires,
        or: or.to_vec(),
    }
}

fn looks_like_python(app: &Path) -> bool {
    SIGNS.iter().any(|name| app.join(name).is_file()) || has_scripts(app)
}

fn has_scripts(app: &Path) -> bool {
    let entries = std::fs::read_dir(app).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .any(|path| path.extension().is_some_and(|end| end == "py") && path.is_file())
}

fn check(wanted: Option<&Wanted>, found: &Interpreter) -> Result<()> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    if wanted.accepted.without_patch().holds_for(found.version) {
        return Ok(());
    }
    let (major, minor) = (found.version.major, found.version.minor);
    Err(Failure::new(
        "SLP-PYT-001",
        format!(
            "the application wants Python {}, the base image has {}",
            wanted.text, found.version
        ),
    )
    .at(format!("{}  {}", wanted.place, wanted.text))
    .state(format!(
        "only {major}.{minor} is available: {}",
        found.path.display()
    ))
    .help(format!(
        "if it also runs on {major}.{minor}: --env BP_PYTHON_VERSION={major}.{minor}"
    ))
    .help(format!("or change {} to {major}.{minor}", wanted.place)))
}

fn describe(wanted: Option<&Wanted>, found: &Interpreter) -> String {
    let path = found.path.display();
    let version = found.version;
    match wanted {
        None => {
            format!("Python {version} ({path}), as the base image has it; nothing asks for another")
        }
        Some(wanted) if wanted.accepted.holds_for(version) => format!(
            "Python {version} ({path}): {} asks for {}",
            wanted.place, wanted.text
        ),
        Some(wanted) => format!(
            "Python {version} ({path}): {} asks for {}, patches come with the base image",
            wanted.place, wanted.text
        ),
    }
}
