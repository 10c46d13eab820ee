//! Bytecode of the packages, so that nothing is compiled when the app starts.
//!
//! With the hash of the source in it instead of its time: times are the same for all files of a layer, so Python would
//! throw timestamp bytecode away at every start (docs/design/platform-ux.md 6.2).

use toolkit::{BuildContext, Command, Environment, Exit, Failure, Result};

use crate::interpreter::Interpreter;
use crate::venv::Venv;

/// How Python finds out whether bytecode still fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytecode {
    /// Not at all; a layer does not change.
    Unchecked,
    /// By the source's hash.
    Checked,
    None,
}

impl Bytecode {
    /// What `BP_PYTHON_BYTECODE` wants.
    pub(crate) fn wanted(cx: &BuildContext<'_>) -> Result<Bytecode> {
        match cx.variable("BP_PYTHON_BYTECODE")? {
            None | Some("unchecked") => Ok(Bytecode::Unchecked),
            Some("checked") => Ok(Bytecode::Checked),
            Some("none") => Ok(Bytecode::None),
            Some(other) => Err(Failure::new(
                "SLP-CFG-102",
                format!("the variable BP_PYTHON_BYTECODE is `{other}`"),
            )
            .help("set BP_PYTHON_BYTECODE to unchecked, checked or none")),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Bytecode::Unchecked => "unchecked-hash",
            Bytecode::Checked => "checked-hash",
            Bytecode::None => "none",
        }
    }
}

/// Compiles everything in the venv. A file that does not compile (templates, tests for Python 2) is left as it is, as
/// pip does.
pub(crate) fn compile(
    cx: &BuildContext<'_>,
    interpreter: &Interpreter,
    venv: &Venv,
    bytecode: Bytecode,
    env: &Environment,
) -> Result<()> {
    if bytecode == Bytecode::None {
        return Ok(());
    }
    cx.log.line("Compiling bytecode");
    let ended = run(interpreter, venv, bytecode, env)?;
    match ended.exit {
        Exit::Code(0) => Ok(()),
        exit => Err(Failure::new(
            "SLP-PYT-121",
            format!("compiling bytecode ended with {exit:?}"),
        )
        .cause(ended.text.trim_end())
        .help("go without bytecode: --env BP_PYTHON_BYTECODE=none")),
    }
}

/// Compiles every folder in a process of its own, as many at a time as there are cores.
///
/// Not `compileall -j`: which references Python marks in bytecode depends on what else the process holds, and so on the files
/// that it happened to compile before (<https://github.com/python/cpython/issues/78274>). So a folder's bytecode follows from
/// the folder alone, and a new version of one package does not change that of another.
const SCRIPT: &str = r#"
import compileall, os, py_compile, sys

_, mode, site = sys.argv
mode = py_compile.PycInvalidationMode[mode.upper().replace("-", "_")]
running, killed = 0, 0


def wait():
    global running, killed
    running, killed = running - 1, killed | os.WIFSIGNALED(os.wait()[1])


for folder, folders, files in os.walk(site):
    folders[:] = sorted(name for name in folders if name != "__pycache__")
    if not any(name.endswith(".py") for name in files):
        continue
    if running == len(os.sched_getaffinity(0)):
        wait()
    running += 1
    if os.fork() == 0:
        try:
            compileall.compile_dir(folder, maxlevels=0, force=True, quiet=2, invalidation_mode=mode)
        finally:
            os._exit(0)
while running:
    wait()
sys.exit(killed)
"#;

/// The interpreter itself, not the venv's: nothing that was just installed should run now. The order of sets follows
/// the hash seed.
fn run(
    interpreter: &Interpreter,
    venv: &Venv,
    bytecode: Bytecode,
    env: &Environment,
) -> Result<toolkit::Ended> {
    Command::new(&interpreter.path, &venv.path, env)
        .args(["-S", "-s", "-c", SCRIPT, bytecode.name()])
        .arg(venv.site_packages())
        .env("PYTHONHASHSEED", "0")
        .output()
}
