//! Bytecode of the packages, so that nothing is compiled when the app starts.
//!
//! With the hash of the source in it instead of its time: times are the same for all files of a layer, so Python would
//! throw timestamp bytecode away at every start (docs/design/platform-ux.md 6.2). Bytes follow from the module alone, not from what else
//! was compiled, in whatever order, by the same process.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use toolkit::{BuildContext, Command, Ended, Environment, Failure, Result};

use crate::interpreter::Interpreter;
use crate::venv::Venv;
use crate::wheels;

/// What Python runs: compiles the modules of a list, not as compileall does but with bytes that follow from each module alone.
pub(crate) const COMPILE: &str = include_str!("bytecode/compile.py");

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
) -> Result<()> {
    compile_files(cx, interpreter, bytecode, &modules(&venv.site_packages())?)
}

/// Compiles these modules alone, to the same bytes, as many at a time as there are cores.
///
/// Nothing is loaded from where packages are: the working directory, where Python looks first, is one of the build image.
pub(crate) fn compile_files(
    cx: &BuildContext<'_>,
    interpreter: &Interpreter,
    bytecode: Bytecode,
    modules: &[PathBuf],
) -> Result<()> {
    if bytecode == Bytecode::None || modules.is_empty() {
        return Ok(());
    }
    cx.log.line("Compiling bytecode");
    let scratch = cx.layers.join("modules");
    toolkit::remove(&scratch)?;
    toolkit::create_folder(&scratch)?;
    let lists = parts(modules, wheels::cores())
        .into_iter()
        .enumerate()
        .map(|(number, part)| {
            let list = scratch.join(format!("{number}"));
            toolkit::write(&list, part.as_bytes())?;
            Ok(list)
        })
        .collect::<Result<Vec<PathBuf>>>()?;
    let env = wheels::environment(cx);
    let compile = |list: &PathBuf| judge(&command(interpreter, &env, bytecode, list).output()?);
    wheels::parallel(&lists, compile)?;
    toolkit::remove(&scratch)
}

/// The interpreter itself, not the venv's: nothing that was just installed should run now. The order of sets follows
/// the hash seed.
fn command(
    interpreter: &Interpreter,
    env: &Environment,
    bytecode: Bytecode,
    list: &Path,
) -> Command {
    Command::new(&interpreter.path, Path::new("/usr/bin"), env)
        .args(["-S", "-s", "-W", "ignore", "-c", COMPILE, bytecode.name()])
        .arg(list)
        .env("PYTHONHASHSEED", "0")
}

fn judge(ended: &Ended) -> Result<()> {
    if ended.success() {
        return Ok(());
    }
    Err(Failure::new(
        "SLP-PYT-121",
        format!("compiling bytecode ended with {:?}", ended.exit),
    )
    .cause(ended.text.trim_end())
    .help("go without bytecode: --env BP_PYTHON_BYTECODE=none"))
}

/// Every module below a folder, sorted; folders that are links are left alone.
fn modules(top: &Path) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path, error: &io::Error| {
        Failure::internal(format!("listing {}", path.display()), error)
    };
    let mut found = Vec::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, &error))? {
            let entry = entry.map_err(|error| failed(&folder, &error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| failed(&path, &error))?;
            let is_module = path.extension().is_some_and(|end| end == "py");
            if kind.is_dir() && entry.file_name() != "__pycache__" {
                waiting.push(path);
            } else if is_module && path.is_file() && is_line(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Can a path stand on a line of a list?
fn is_line(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains('\n'))
}

/// Lines of paths in `count` parts that take about the same time.
fn parts(modules: &[PathBuf], count: usize) -> Vec<String> {
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |meta| meta.len());
    let mut sized: Vec<(u64, &PathBuf)> = modules.iter().map(|path| (size(path), path)).collect();
    sized.sort_unstable_by(|one, other| other.cmp(one));
    let mut parts = vec![(0, String::new()); count];
    for (bytes, path) in sized {
        if let Some((sum, part)) = parts.iter_mut().min_by_key(|(sum, _)| *sum) {
            *sum += bytes;
            let _ = writeln!(part, "{}", path.display());
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

#[cfg(test)]
mod tests;
