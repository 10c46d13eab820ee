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
    // Several workers need semaphores, which need /dev/shm; where there is none, one does it.
    let ended = run(interpreter, venv, bytecode, env, "0")?;
    let ended = if ended.text.contains("Traceback") {
        run(interpreter, venv, bytecode, env, "1")?
    } else {
        ended
    };
    match ended.exit {
        Exit::Code(0 | 1) => Ok(()),
        exit => Err(Failure::new(
            "SLP-PYT-121",
            format!("compiling bytecode ended with {exit:?}"),
        )
        .cause(ended.text.trim_end())
        .help("go without bytecode: --env BP_PYTHON_BYTECODE=none")),
    }
}

/// The interpreter itself, not the venv's: nothing that was just installed should run now. The order of sets follows
/// the hash seed.
fn run(
    interpreter: &Interpreter,
    venv: &Venv,
    bytecode: Bytecode,
    env: &Environment,
    workers: &str,
) -> Result<toolkit::Ended> {
    Command::new(&interpreter.path, &venv.path, env)
        .args([
            "-S",
            "-s",
            "-m",
            "compileall",
            "-q",
            "-q",
            "-f",
            "-j",
            workers,
        ])
        .args(["--invalidation-mode", bytecode.name()])
        .arg(venv.site_packages())
        .env("PYTHONHASHSEED", "0")
        .output()
}
